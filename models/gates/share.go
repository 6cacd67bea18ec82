package gates

import (
	"context"
	"errors"

	"sluice/models/bundle"
	"sluice/models/trial"
)

// Share is a load's part among those that go on: the tokens that it holds. A load by itself, such as a
// check's, has none and takes all.
type Share struct {
	tokens chan struct{} // as many as loads go on at once; nil if there are no others
	alone  chan struct{} // a token for the one that wants all the others
	held   int
}

// NewShare is the share of one load among as many as tokens holds.
func NewShare(tokens, alone chan struct{}) *Share { return &Share{tokens: tokens, alone: alone} }

// Enter waits for a token.
func (s *Share) Enter(ctx context.Context) bool {
	select {
	case s.tokens <- struct{}{}:
		s.held++
		return true
	case <-ctx.Done():
		return false
	}
}

// Leave gives back what the load holds.
func (s *Share) Leave() {
	if s.held > 1 {
		<-s.alone
	}
	for ; s.held > 0; s.held-- {
		<-s.tokens
	}
}

// outstay waits until no other load goes on, if that helps against the error. It gives back what it
// holds first: two that waited for each other's would wait for ever.
func (s *Share) outstay(ctx context.Context, err error) bool {
	if s.tokens == nil || s.held != 1 || cap(s.tokens) == 1 || !errors.Is(err, trial.ErrShort) {
		return false
	}
	s.Leave()
	select {
	case s.alone <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	for range cap(s.tokens) {
		if !s.Enter(ctx) {
			break
		}
	}
	if s.held <= 1 {
		<-s.alone // leave would not
	}
	return s.held == cap(s.tokens)
}

// options are those for a trial now.
func (p *bundlePass) options() *trial.Options {
	o := &trial.Options{Defaults: p.opts.Defaults, Devices: p.opts.nameable(), Ceiling: p.opts.MemoryCeiling, AtOnce: p.opts.LoadsAtOnce}
	if p.share.held != 1 {
		o.AtOnce = 1
	}
	return o
}

// begin starts a trial, which reads the bundle's files.
func (p *bundlePass) begin(ctx context.Context) (t *trial.Trial, err error) {
	if t, err = p.opts.Trial(ctx, p.bundle, p.options()); p.share.outstay(ctx, err) {
		t, err = p.opts.Trial(ctx, p.bundle, p.options())
	}
	return t, err
}

// observe lets the trial load the model.
func (p *bundlePass) observe(ctx context.Context) (*bundle.Observation, error) {
	o, err := p.tried.Observe(ctx)
	if !p.share.outstay(ctx, err) {
		return o, err
	}
	if p.tried, err = p.begin(ctx); err != nil {
		return nil, err
	}
	return p.tried.Observe(ctx)
}
