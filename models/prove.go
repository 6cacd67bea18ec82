package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// prover takes one bundle through the load gates: those about the bundle itself once,
// those about running it once on each device, in a proof of their own.
type prover struct {
	opts   *Options
	bundle *Bundle
	report *Report
	// tried is the trial process, and observed what it saw; nil without one.
	tried    *Trial
	observed *Observation
	// measuring holds a token while warm-up runs: two sweeps at once would measure each other.
	measuring chan struct{}
	share     *share
	pace      pace
}

// newProver makes a prover that has the machine to itself.
func newProver(opts *Options, b *Bundle) *prover {
	return &prover{
		opts: opts, bundle: b, report: &Report{Name: b.Name, Version: b.Version},
		measuring: make(chan struct{}, 1), share: &share{}, pace: pace{serving: nobody},
	}
}

// gate gives a verdict without name and time. An error is a refusal.
type gate[T any] struct {
	name string
	run  func(p T, ctx context.Context) (Verdict, error)
}

// bundleGates come first, in their order: each may rely on those before it. The gates of
// a proof follow.
var bundleGates = []gate[*prover]{
	{"files", (*prover).files},
	{"trial", (*prover).trial},
	{"schema", (*prover).schema},
}

// prove runs the gates up to the first refusal. There is no placement after a refusal, and
// at least one otherwise, which the caller closes; they are in order of preference.
func (p *prover) prove(ctx context.Context) ([]*Placement, *Report) {
	start := clock.Now()
	b := p.bundle
	var placements []*Placement
	err := pass(ctx, p, bundleGates, &p.report.Gates)
	p.tried.End()
	if err == nil {
		placements = p.proveDevices(ctx)
	}
	if err := ctx.Err(); err != nil && p.report.Refusal() == nil {
		// Only some of its devices were proven: half a version is worth less than another load.
		closeAll(placements)
		placements = nil
		p.report.Gates = append(p.report.Gates, Verdict{Gate: "devices", Outcome: Refused, Text: "loading was stopped", Detail: err.Error()})
	}
	if b.Schema != nil {
		p.report.describe(b.Schema)
		p.report.Tolerance = &b.Config.Tolerance
	}
	p.report.Batching = b.batching
	p.report.Digest, p.report.Pinned = b.Digest, len(b.Config.SHA256) > 0
	p.report.noteBudget(&b.Config, p.opts.Defaults.MaxBudget)
	p.report.Took = clock.Now().Sub(start)
	return placements, p.report
}

// pass runs gates up to the first refusal, whose error it returns, and notes the verdicts.
func pass[T any](ctx context.Context, p T, gates []gate[T], verdicts *[]Verdict) error {
	for _, g := range gates {
		began := clock.Now()
		v, err := g.guarded(ctx, p)
		if err != nil {
			v = Verdict{Outcome: Refused}
			v.Text, v.Detail = explain(err)
		}
		v.Gate, v.Took = g.name, clock.Now().Sub(began)
		*verdicts = append(*verdicts, v)
		if err != nil {
			return err
		}
	}
	return nil
}

// guarded turns a panic over a strange bundle into a refusal: other models are serving.
func (g *gate[T]) guarded(ctx context.Context, p T) (v Verdict, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fault.Wrap(fault.ModelLoadFailed, fmt.Errorf("%v\n%s", cause, debug.Stack()), "BUG: this gate failed by itself; please report it with the bundle")
		}
	}()
	return g.run(p, ctx)
}

// explain splits an error into what may be shown and what only the operator sees.
func explain(err error) (text, detail string) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return cmp.Or(err.Error(), "it failed without a reason"), ""
	}
	if f.Cause != nil {
		detail = f.Cause.Error()
	}
	// Words that were wrapped around the fault are this package's own.
	around := strings.TrimSuffix(err.Error(), f.Error())
	return cmp.Or(around+f.Text, "it failed without a reason"), detail
}

// files hashes the bundle and has its files read before anything runs them. What parses them is the
// trial process.
func (p *prover) files(ctx context.Context) (Verdict, error) {
	b := p.bundle
	rest, err := b.take(p.opts.Copies)
	if err != nil {
		return Verdict{}, err
	}
	g, err := p.describe(ctx)
	if err != nil {
		return Verdict{}, err
	}
	if err := b.takeRest(rest, g.External); err != nil {
		return Verdict{}, err
	}
	if err := b.checkPins(); err != nil {
		return Verdict{}, err
	}
	if p.opts.SkipProof {
		g.Independence = nil
	}
	b.graph = g
	size := int64(0)
	for _, f := range b.Files {
		size += f.Size
	}
	pinned, ignored := "unpinned", ""
	if n := len(b.Config.SHA256); n > 0 {
		pinned = fmt.Sprintf("%s as pinned", count(n, "digest"))
	}
	if t := b.Config.triton; t != nil && len(t.ignored) > 0 {
		ignored = fmt.Sprintf("; of %s is ignored: %s", TritonFile, strings.Join(t.ignored, ", "))
	}
	return Verdict{Outcome: Passed, Text: fmt.Sprintf("%s, %s, %s%s", count(len(b.Files), "file"), byteCount(size), pinned, ignored)}, nil
}

// describe learns what the files say, and sets the bundle's settings.
func (p *prover) describe(ctx context.Context) (*Graph, error) {
	if p.opts.Trial == nil {
		_, g, err := p.bundle.describe(p.opts)
		if err == nil {
			p.isolate(g.Traps)
		}
		return g, err
	}
	t, err := p.begin(ctx)
	if err != nil {
		return nil, err
	}
	p.tried, p.bundle.Config = t, *t.config
	p.isolate(t.graph.Traps)
	return t.graph, nil
}

// isolate puts a model's session on the CPU into a process of its own if operators can end the process
// and its settings do not say where it is to be.
func (p *prover) isolate(traps []string) {
	c := &p.bundle.Config
	if p.report.Traps = traps; len(traps) > 0 && c.Isolation == "" {
		c.Isolation = IsolationProcess
	}
	p.report.Isolated = c.Isolation == IsolationProcess
}

// trial loads the bundle where a crash does no harm.
func (p *prover) trial(ctx context.Context) (Verdict, error) {
	if p.tried == nil {
		return Verdict{Outcome: Skipped, Text: "no trial process is set up"}, nil
	}
	o, err := p.observe(ctx)
	if err != nil {
		return Verdict{}, err
	}
	p.observed = o
	if refused := o.refused(0); !o.ran(0) && refused != nil {
		// That the model takes no data that was made up says nothing against the model.
		return Verdict{
			Outcome: Changed, Detail: refused.Detail,
			Text: "a child process loaded it; no request is known that it takes: " + refused.Text,
		}, nil
	}
	return Verdict{Outcome: Passed, Text: "a child process loaded it and ran " + count(len(o.Runs), "request")}, nil
}

// schema joins the file's description with model.yaml.
func (p *prover) schema(context.Context) (Verdict, error) {
	b := p.bundle
	s, how, err := b.graph.settle(&b.Config, p.observed)
	if err != nil {
		return Verdict{}, err
	}
	if err := p.boundLengths(s); err != nil {
		return Verdict{}, err
	}
	b.FixedBatch, b.External, b.Schema, b.batching = b.graph.FixedBatch, len(b.graph.External) > 0, s, how
	if text := p.recall(); text != "" {
		return Verdict{Outcome: Changed, Text: text}, nil
	}
	text := fmt.Sprintf("up to %d rows a run, %d a request", s.MaxBatch, s.MaxRows)
	switch {
	case how.Mode == Single:
		return Verdict{Outcome: Changed, Text: "served unbatched: " + how.Text}, nil
	case how.Mode == RowByRow:
		return Verdict{Outcome: Changed, Text: fmt.Sprintf("rows run one by one, up to %d a request: %s", s.MaxRows, how.Text)}, nil
	case b.FixedBatch > 0:
		text += fmt.Sprintf("; the file fixes the batch at %d, smaller ones are filled up", b.FixedBatch)
	case s.Padding != nil:
		text += fmt.Sprintf("; %s padded to one of %d lengths up to %d", b.Config.Padding.Axis, len(s.Padding.Buckets), s.Padding.Buckets[len(s.Padding.Buckets)-1])
	}
	return Verdict{Outcome: Passed, Text: text + p.report.lengthsBrief()}, nil
}

// asFault hides a library's message behind a sentence, unless it already is a fault.
func asFault(err error, text string) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fault.Wrap(fault.ModelLoadFailed, err, text)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func byteCount(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// expired tells whether a gate that began then has used up its time, rests not counted.
func (p *prover) expired(since stopwatch, limit time.Duration) bool {
	return clock.Now().Sub(since.began)-(p.pace.rested-since.rested) >= limit
}

// stopwatch is when a gate, or a part of one, began.
type stopwatch struct {
	began  clock.Instant
	rested time.Duration
}

func (p *prover) watch() stopwatch { return stopwatch{clock.Now(), p.pace.rested} }
