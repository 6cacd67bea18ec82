package gates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/internal/clock"
	"sluice/internal/tensor"
	"sluice/internal/units"
	"sluice/models/bundle"
	"sluice/models/trial"
)

// bundlePass takes one bundle through the load gates: those about the bundle itself once,
// those about running it once on each device, in a devicePass of their own.
type bundlePass struct {
	opts   *Options
	bundle *bundle.Bundle
	report *Report
	// graph is what the model file says, and batching how rows share runs, as far as the gates have come.
	graph    *bundle.Graph
	batching bundle.Batching
	// tried is the trial process, and observed what it saw; nil without one.
	tried    *trial.Trial
	observed *bundle.Observation
	// measuring holds a token while warm-up runs: two sweeps at once would measure each other.
	measuring chan struct{}
	share     *Share
	pace      pace
}

// newBundlePass makes a pass that shares with others what is there once.
func newBundlePass(opts *Options, b *bundle.Bundle, with Company) *bundlePass {
	return &bundlePass{
		opts: opts, bundle: b, report: &Report{Name: b.Name, Version: b.Version},
		measuring: with.Measuring, share: cmp.Or(with.Share, &Share{}), pace: pace{serving: with.Serving},
	}
}

// walk runs the gates up to the first refusal. There is no placement after a refusal, and
// at least one otherwise, which the caller closes; they are in order of preference.
func (p *bundlePass) walk(ctx context.Context) ([]*Placement, *Report) {
	start := clock.Now()
	b := p.bundle
	var placements []*Placement
	err := runGates(ctx, bundleGates, p, &p.report.Gates)
	p.tried.End()
	if p.report.Short = errors.Is(err, trial.ErrShort); err == nil {
		placements = p.proveDevices(ctx)
	}
	if err := ctx.Err(); err != nil && p.report.Refusal() == nil {
		// Only some of its devices were proven: half a version is worth less than another load.
		CloseAll(placements)
		placements = nil
		p.report.Gates = append(p.report.Gates, Verdict{Gate: "devices", Outcome: Refused, Text: "loading was stopped", Detail: err.Error()})
	}
	if b.Schema != nil {
		p.report.describe(b.Schema)
		p.report.Tolerance = &b.Config.Tolerance
	}
	p.report.Batching, p.report.Bundle = p.batching, b
	if p.graph != nil {
		p.report.Composition = p.graph.Composition
	}
	p.report.Digest, p.report.Pinned = b.Digest, len(b.Config.SHA256) > 0
	p.report.noteBudget(&b.Config, p.opts.Defaults.MaxBudget)
	p.report.Took = clock.Now().Sub(start)
	return placements, p.report
}

// files hashes the bundle and has its files read before anything runs them. What parses them is the
// trial process.
func (p *bundlePass) files(ctx context.Context) (Verdict, error) {
	b := p.bundle
	g, err := b.Read(p.opts.Copies, func() (*bundle.Graph, error) { return p.describe(ctx) })
	if err != nil {
		return Verdict{}, err
	}
	if p.opts.SkipProof {
		g.Independence = nil
	}
	p.graph = g
	size := int64(0)
	for _, f := range b.Files {
		size += f.Size
	}
	pinned, ignored := "unpinned", ""
	if n := len(b.Config.SHA256); n > 0 {
		pinned = fmt.Sprintf("%s as pinned", units.Count(n, "digest"))
	}
	if t := b.Config.Triton; t != nil && len(t.Ignored) > 0 {
		ignored = fmt.Sprintf("; of %s is ignored: %s", bundle.TritonFile, strings.Join(t.Ignored, ", "))
	}
	return Verdict{Outcome: Passed, Text: fmt.Sprintf("%s, %s, %s%s", units.Count(len(b.Files), "file"), units.Bytes(size), pinned, ignored)}, nil
}

// describe learns what the files say, and sets the bundle's settings.
func (p *bundlePass) describe(ctx context.Context) (*bundle.Graph, error) {
	if p.opts.Trial == nil {
		g, err := p.bundle.Describe(p.opts.Defaults, p.opts.nameable(), p.opts.Inspect)
		if err == nil {
			p.isolate(g.Traps)
		}
		return g, err
	}
	t, err := p.begin(ctx)
	if err != nil {
		return nil, err
	}
	p.tried, p.bundle.Config = t, *t.Config
	p.isolate(t.Graph.Traps)
	return t.Graph, nil
}

// isolate puts a model's session on the CPU into a process of its own if operators can end the process
// and its settings do not say where it is to be.
func (p *bundlePass) isolate(traps []string) {
	c := &p.bundle.Config
	if p.report.Traps = traps; len(traps) > 0 && c.Isolation == "" {
		c.Isolation = bundle.IsolationProcess
	}
	p.report.Isolated = c.Isolation == bundle.IsolationProcess
}

// trial loads the bundle where a crash does no harm.
func (p *bundlePass) trial(ctx context.Context) (Verdict, error) {
	if p.tried == nil {
		return Verdict{Outcome: Skipped, Text: "no trial process is set up"}, nil
	}
	o, err := p.observe(ctx)
	if err != nil {
		return Verdict{}, err
	}
	p.observed = o
	if refused := o.Complaint(0); !o.Ran(0) && refused != nil {
		// That the model takes no data that was made up says nothing against the model.
		return Verdict{
			Outcome: Changed, Detail: refused.Detail,
			Text: "a child process loaded it; no request is known that it takes: " + refused.Text,
		}, nil
	}
	return Verdict{Outcome: Passed, Text: "a child process loaded it and ran " + units.Count(len(o.Runs), "request")}, nil
}

// schema joins the file's description with model.yaml.
func (p *bundlePass) schema(context.Context) (Verdict, error) {
	b := p.bundle
	s, how, err := p.graph.Settle(&b.Config, p.observed)
	if err != nil {
		return Verdict{}, err
	}
	if err := b.Config.CheckLadder(b.Name, b.Version); err != nil {
		return Verdict{}, err
	}
	if err := p.boundLengths(s); err != nil {
		return Verdict{}, err
	}
	b.FixedBatch, b.External, b.Schema, p.batching = p.graph.FixedBatch, len(p.graph.External) > 0, s, how
	if text := p.recall(); text != "" {
		return Verdict{Outcome: Changed, Text: text}, nil
	}
	text := fmt.Sprintf("up to %d rows a run, %d a request", s.MaxBatch, s.MaxRows)
	switch {
	case how.Mode == bundle.Single:
		return Verdict{Outcome: Changed, Text: "served unbatched: " + how.Text}, nil
	case how.Mode == bundle.RowByRow:
		return Verdict{Outcome: Changed, Text: fmt.Sprintf("rows run one by one, up to %d a request: %s", s.MaxRows, how.Text)}, nil
	case b.FixedBatch > 0:
		text += fmt.Sprintf("; the file fixes the batch at %d, smaller ones are filled up", b.FixedBatch)
	case s.Padding != nil:
		text += fmt.Sprintf("; %s padded to one of %d lengths up to %d", b.Config.Padding.Axis, len(s.Padding.Buckets), s.Padding.Buckets[len(s.Padding.Buckets)-1])
	}
	if b.Config.Features != nil {
		text += "; from stores: " + strings.Join(slices.Sorted(maps.Keys(b.Config.Features.Inputs)), ", ")
	}
	return Verdict{Outcome: Passed, Text: text + p.report.lengthsBrief()}, nil
}

// expired tells whether a gate that began then has used up its time, rests not counted.
func (p *bundlePass) expired(since lap, limit time.Duration) bool {
	return clock.Now().Sub(since.began)-(p.pace.rested-since.rested) >= limit
}

// lap is when a gate, or a part of one, began.
type lap struct {
	began  clock.Instant
	rested time.Duration
}

func (p *bundlePass) stopwatch() lap { return lap{clock.Now(), p.pace.rested} }

func hasStrings(s *tensor.Schema) bool {
	text := func(spec tensor.Spec) bool { return spec.Type == tensor.Bytes }
	return slices.ContainsFunc(s.Inputs, text) || slices.ContainsFunc(s.Optional, text)
}

// boundLengths bounds the free axes of the schema and reports how.
func (p *bundlePass) boundLengths(s *tensor.Schema) (err error) {
	r, most := p.report, p.opts.MemoryCeiling/bundle.RunPart
	if hasStrings(s) {
		s.MaxText = max(most/bundle.TextPart, 1)
	}
	if s.Lengths, r.MaxLength, err = p.graph.Lengths(&p.bundle.Config, p.observed, s, most); err != nil || s.Lengths == nil {
		return err
	}
	l := s.Lengths
	r.MaxProduct = l.Product
	if !p.observed.Scale().Known {
		return nil
	}
	product, row := int64(1), 0.0
	for a := range l.Axes {
		product, row = bundle.Multiply(product, l.Axes[a].Most), max(row, l.Axes[a].Own.At(float64(l.Axes[a].Most)))
	}
	if l.Product > 0 {
		product = min(product, l.Product)
	}
	r.RowMemory, r.RunMemory = max(1, int64(min(max(row, l.Joint.At(float64(product))), 1<<62))), most
	return nil
}

// recall takes off the schema what live answers of the same bundle have refuted before, and
// says so; empty if nothing is remembered. It belongs after the schema is known and before
// anything is opened.
func (p *bundlePass) recall() string {
	b := p.bundle
	batching, padding, text := p.opts.Refuted(b.Digest)
	if !batching && !padding || p.batching.Mode != bundle.Batched {
		return ""
	}
	switch {
	case batching:
		p.report.Remembered = text
		b.Schema = bundle.Unbatched(b.Schema, b.FixedBatch)
		p.batching = bundle.Batching{Mode: bundle.Single, Basis: bundle.Refuted, Text: text}
		return "served unbatched, as live answers showed before: " + text
	case b.Schema.Padding == nil:
		return "" // model.yaml has no padding any more
	}
	p.report.Remembered = text
	unpadded := *b.Schema
	unpadded.Padding = nil
	b.Schema = &unpadded
	return "served unpadded, as live answers showed before: " + text
}
