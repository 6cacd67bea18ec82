// Package selftest proves the load tester against a server that behaves exactly as told. Each
// part is a claim of the tool held against a truth that is known beforehand: a formula, a fixed
// delay, a count of injected faults. It owns no state; the command `sluice loadtest selftest`
// and a test call it.
//
// A part that depends on time may be inconclusive: where the machine itself was so busy that a
// load tester could not have done better, nothing is shown. That is said, and is not a failure.
package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"sluice/loadtest"
	"sluice/loadtest/stub"
)

// Verdict is how a part ends.
type Verdict uint8

const (
	// Passed: the claim holds.
	Passed Verdict = iota
	// Inconclusive: the machine was too busy to tell.
	Inconclusive
	// Failed: the claim does not hold.
	Failed
)

// String is the verdict as it is printed.
func (v Verdict) String() string { return [...]string{"ok", "inconclusive", "FAILED"}[v] }

// Outcome is what a part found.
type Outcome struct {
	Name    string        `json:"name"`
	Verdict Verdict       `json:"-"`
	Said    string        `json:"verdict"`
	Lines   []string      `json:"lines"`
	Took    time.Duration `json:"took_ns"`
}

// Options of a self-test.
type Options struct {
	// Out is told of each part as it ends.
	Out io.Writer
	// Only names the parts that are run; empty is all.
	Only []string
	// CPU is the core of the sending thread, from 1; 0 is any.
	CPU int
}

// part is one claim.
type part struct {
	name string
	run  func(ctx context.Context, t *test) error
	// quiet parts are about microseconds and have the machine for themselves. The others count,
	// or look at milliseconds, and run side by side before them; the first has the machine for
	// itself until its stall is over.
	quiet bool
}

// parts in the order of the specification.
var parts = []part{
	{"omission", omission, false},
	{"pacer", pacer, true},
	{"poisson", poisson, false},
	{"delay", fixedDelay, true},
	{"faults", faults, false},
	{"ceiling", ceiling, true},
	{"a/a", sameTarget, false},
	{"capacity", capacity, true},
}

// processors of the Go scheduler that the self-test wants: a sending thread keeps one to
// itself, and so does a fault server; four of each run side by side.
const processors = 10

// Names are the parts.
func Names() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// test is a part under way.
type test struct {
	o   *Options
	out Outcome
}

// say keeps a line for the reader.
func (t *test) say(format string, args ...any) {
	t.out.Lines = append(t.out.Lines, fmt.Sprintf(format, args...))
}

// hold says what is claimed, and fails the part if it is not so.
func (t *test) hold(ok bool, format string, args ...any) bool {
	if !ok {
		format = "NOT SO: " + format
		t.out.Verdict = Failed
	}
	t.say(format, args...)
	return ok
}

// weigh is hold for a claim that a busy machine can break: with a reason, nothing is shown.
func (t *test) weigh(ok bool, busy, format string, args ...any) {
	if ok || busy == "" {
		t.hold(ok, format, args...)
		return
	}
	t.out.Verdict = max(t.out.Verdict, Inconclusive)
	t.say("%s: nothing is shown, %s", fmt.Sprintf(format, args...), busy)
}

// Run runs the parts, those that need no quiet side by side, and returns their outcomes in the
// order of the specification. It fails if a part is not known, or the context ends.
func Run(ctx context.Context, o Options) ([]Outcome, error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("there is no part %q; the parts are %v", name, Names())
		}
	}
	outcomes := make([]*Outcome, len(parts))
	var printing sync.Mutex
	do := func(i int) {
		out := parts[i].outcome(ctx, &o)
		printing.Lock()
		defer printing.Unlock()
		if ctx.Err() == nil {
			outcomes[i] = out
			out.print(o.Out)
		}
	}
	before := runtime.GOMAXPROCS(max(processors, runtime.GOMAXPROCS(0)))
	var together sync.WaitGroup
	for i := range parts {
		if !parts[i].quiet && o.wants(parts[i].name) {
			together.Go(func() {
				if i > 0 && o.wants(parts[0].name) {
					select {
					case <-ctx.Done():
					case <-time.After(settled):
					}
				}
				do(i)
			})
		}
	}
	together.Wait()
	runtime.GOMAXPROCS(before)
	for i := range parts {
		if parts[i].quiet && o.wants(parts[i].name) && ctx.Err() == nil {
			do(i)
		}
	}
	var all []Outcome
	for _, out := range outcomes {
		if out != nil {
			all = append(all, *out)
		}
	}
	return all, ctx.Err()
}

// outcome runs a part.
func (p *part) outcome(ctx context.Context, o *Options) *Outcome {
	t := &test{o: o, out: Outcome{Name: p.name}}
	began := time.Now()
	if err := p.run(ctx, t); err != nil {
		t.hold(false, "%v", err)
	}
	t.out.Took, t.out.Said = time.Since(began), t.out.Verdict.String()
	return &t.out
}

func (o *Options) wants(part string) bool { return len(o.Only) == 0 || slices.Contains(o.Only, part) }

func (o *Outcome) print(w io.Writer) {
	fmt.Fprintf(w, "%-10s %s (%.1f s)\n", o.Name, o.Verdict, o.Took.Seconds())
	for _, line := range o.Lines {
		fmt.Fprintf(w, "  %s\n", line)
	}
}

// Worst is the worst verdict of all.
func Worst(all []Outcome) (worst Verdict) {
	for _, o := range all {
		worst = max(worst, o.Verdict)
	}
	return worst
}

// with runs something against a stub and stops it.
func with(behaviour string, do func(s *stub.Server) error) error {
	o, err := stub.Parse(behaviour)
	if err != nil {
		return err
	}
	s, err := stub.Start(o)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}

// options are those of a run against a stub, which is in this very process.
func (t *test) options(s *stub.Server) loadtest.Options {
	return loadtest.Options{
		Target: loadtest.Target{URL: s.Addr(), Model: stub.Model, PID: -1, Metrics: "none"}, Seed: 1, CPU: t.o.CPU, Tool: "selftest",
	}
}
