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
	"time"

	"sluice/loadtest"
	"sluice/loadtest/result"
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
}

// parts in the order of the specification.
var parts = []part{
	{"omission", omission},
	{"pacer", pacer},
	{"poisson", poisson},
	{"delay", fixedDelay},
	{"faults", faults},
	{"ceiling", ceiling},
	{"a/a", sameTarget},
	{"capacity", capacity},
}

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

// Run runs the parts one after the other.
func Run(ctx context.Context, o Options) ([]Outcome, error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	for _, name := range o.Only {
		if !known(name) {
			return nil, fmt.Errorf("there is no part %q; the parts are %v", name, Names())
		}
	}
	var all []Outcome
	for _, p := range parts {
		if !wanted(p.name, o.Only) {
			continue
		}
		t := &test{o: &o, out: Outcome{Name: p.name}}
		began := time.Now()
		err := p.run(ctx, t)
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		if err != nil {
			t.hold(false, "%v", err)
		}
		t.out.Took, t.out.Said = time.Since(began), t.out.Verdict.String()
		all = append(all, t.out)
		t.print(o.Out)
	}
	return all, nil
}

func known(name string) bool { return wanted(name, Names()) }

func wanted(name string, only []string) bool {
	for _, n := range only {
		if n == name {
			return true
		}
	}
	return len(only) == 0
}

func (t *test) print(w io.Writer) {
	fmt.Fprintf(w, "%-10s %s (%.1f s)\n", t.out.Name, t.out.Verdict, t.out.Took.Seconds())
	for _, line := range t.out.Lines {
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

// start starts a stub.
func start(behaviour string) (*stub.Server, error) {
	o, err := stub.Parse(behaviour)
	if err != nil {
		return nil, err
	}
	return stub.Start(o)
}

// with runs something against a stub and stops it.
func with(behaviour string, do func(s *stub.Server) error) error {
	s, err := start(behaviour)
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

// busy says of a run why the machine did not let it show anything; "" if it did.
func busy(r *result.Result) string {
	if r.Resources == nil {
		return ""
	}
	host, tool := r.Resources.Host, r.Resources.Tool
	switch {
	case host.Steal > 0.02:
		return fmt.Sprintf("the hypervisor took %.1f %% of the CPU time", 100*host.Steal)
	case tool.RunQueueShare > 0.02:
		return fmt.Sprintf("the sending thread waited for a core for %.1f %% of the time", 100*tool.RunQueueShare)
	}
	return ""
}
