package models

import (
	"context"
	"errors"
	"math"

	"golang.org/x/sys/unix"

	"sluice/internal/memory"
)

// Loads that go on at the same time share the memory that is left: each trial is given its part of
// it, so that together they stay below the ceiling, with the sessions that follow. A model for which its
// part does not do is tried again when no other load goes on, with all that is left.

// errShort says that a trial ended for want of memory.
var errShort = errors.New("the memory did not do")

// leastMemory is what a trial may hold where next to nothing is left: the library alone takes half.
const leastMemory = 128 << 20

// leastParseMemory is what parsing may reserve in any case: a process of Go and C begins with half.
const leastParseMemory = 256 << 20

// readMemory is what parsing the bundle's files may reserve.
func (r *TrialRunner) readMemory(b *Bundle, o *Options) int64 {
	if r.ReadMemory > 0 {
		return r.ReadMemory
	}
	return min(parseMemory+b.modelBytes(), max(r.memory(o), leastParseMemory))
}

// modelBytes is the size of the model file.
func (b *Bundle) modelBytes() (size int64) {
	for _, f := range b.Files {
		if f.Name == b.ModelName {
			size = f.Size
		}
	}
	return size
}

// memory is what loading and running may hold. A model that takes more than is left cannot be served
// beside what is.
func (r *TrialRunner) memory(o *Options) int64 {
	if r.Memory > 0 {
		return r.Memory
	}
	most := int64(math.MaxInt64)
	var machine unix.Sysinfo_t
	if unix.Sysinfo(&machine) == nil {
		most = int64(machine.Totalram * uint64(machine.Unit) / 4 * 3) //nolint:gosec // no machine has 2^63 bytes
	}
	if o.MemoryCeiling > 0 {
		// Not all: the look at what it holds comes a little late, and requests go on meanwhile.
		most = min(most, (o.MemoryCeiling-memory.Own("RssAnon"))/4*3)
	}
	return max(most/int64(max(o.LoadsAtOnce, 1)), leastMemory)
}

// share is a load's part among those that go on: the tokens that it holds. A load by itself, such as a
// check's, has none and takes all.
type share struct {
	tokens chan struct{} // as many as loads go on at once; nil if there are no others
	alone  chan struct{} // a token for the one that wants all the others
	held   int
}

// enter waits for a token.
func (s *share) enter(ctx context.Context) bool {
	select {
	case s.tokens <- struct{}{}:
		s.held++
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *share) leave() {
	if s.held > 1 {
		<-s.alone
	}
	for ; s.held > 0; s.held-- {
		<-s.tokens
	}
}

// outstay waits until no other load goes on, if that helps against the error. It gives back what it
// holds first: two that waited for each other's would wait for ever.
func (s *share) outstay(ctx context.Context, err error) bool {
	if s.tokens == nil || s.held != 1 || cap(s.tokens) == 1 || !errors.Is(err, errShort) {
		return false
	}
	s.leave()
	select {
	case s.alone <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	for range cap(s.tokens) {
		if !s.enter(ctx) {
			break
		}
	}
	if s.held <= 1 {
		<-s.alone // leave would not
	}
	return s.held == cap(s.tokens)
}

// options are those for a trial now.
func (p *prover) options() *Options {
	if p.share.held == 1 {
		return p.opts
	}
	o := *p.opts
	o.LoadsAtOnce = 1
	return &o
}

// begin starts a trial, which reads the bundle's files.
func (p *prover) begin(ctx context.Context) (t *Trial, err error) {
	if t, err = p.opts.Trial(ctx, p.bundle, p.options()); p.share.outstay(ctx, err) {
		t, err = p.opts.Trial(ctx, p.bundle, p.options())
	}
	return t, err
}

// observe lets the trial load the model.
func (p *prover) observe(ctx context.Context) (*Observation, error) {
	o, err := p.tried.Observe(ctx)
	if !p.share.outstay(ctx, err) {
		return o, err
	}
	if p.tried, err = p.begin(ctx); err != nil {
		return nil, err
	}
	return p.tried.Observe(ctx)
}
