package gates

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// invariance tests that a row's answer does not depend on who shares its batch: rows that
// differ, each alone and in batches of every size, must agree within the tolerance. A model that
// fails loses what it failed with, padding first and then batching, and serves. It is run for
// proven models too: then a failure is a fault of the proof, or of the library.
func (p *devicePass) invariance(ctx context.Context) (Verdict, error) {
	how := &p.batching
	switch {
	case how.Mode == bundle.Single || p.bundle.Schema.MaxBatch <= 1:
		p.rows, p.source = p.soleRequest(ctx)
		return Verdict{Outcome: Skipped, Text: "rows never share a run"}, nil
	case how.Mode == bundle.Coupled:
		p.rows, p.source = p.soleRequest(ctx)
		return Verdict{Outcome: Changed, Text: "rows share runs and may change each other: " + how.Text}, nil
	case p.opts.SkipTest:
		p.rows, p.source = p.soleRequest(ctx)
		how.Watched = true
		return Verdict{Outcome: Skipped, Text: "left out"}, nil
	}
	t, err := p.test(ctx)
	if err != nil {
		return Verdict{}, err
	}
	if t.failure != "" && len(p.peers) > 0 {
		return Verdict{}, fmt.Errorf("%s; the version is served in batches, as shown on %s", t.failure, p.peers[0].device.Name)
	}
	lost := ""
	if t.failure != "" && p.bundle.Schema.Padding != nil {
		unpadded := *p.bundle.Schema
		unpadded.Padding = nil
		if err := p.open(ctx, &unpadded); err != nil {
			return Verdict{}, err
		}
		lost = "served unpadded, because padded " + t.failure + "; unpadded, "
		if t, err = p.test(ctx); err != nil {
			return Verdict{}, err
		}
	}
	return p.judge(ctx, t, lost)
}

// judge draws the conclusion from a test: lost says what has been switched off before.
func (p *devicePass) judge(ctx context.Context, t *rowTest, lost string) (Verdict, error) {
	how := &p.batching
	proven := how.Basis == bundle.Proven
	outcome := Passed
	if lost != "" {
		outcome = Changed
	}
	switch {
	case t.failure != "" && t.onlyAlone:
		return p.serveRowByRow(ctx, lost, t.failure)
	case t.failure != "":
		if proven && !t.unsteady { // a model that is not deterministic says nothing of the proof
			t.failure += "; the graph proves the opposite: widen tolerance in " + bundle.ConfigFile + " if the model allows for such rounding, else please report it"
			p.opts.Log.Warn("a test contradicts what the graph proves", zap.String("model", p.bundle.Name), zap.String("version", p.bundle.Version), zap.String("reason", t.failure))
		}
		return p.serveSingly(ctx, bundle.Refuted, lost, t.failure)
	case t.shown && !proven && len(p.peers) == 0:
		how.Basis = bundle.Tested
		how.Text = fmt.Sprintf("not proven (%s), but %s", how.Text, t.text)
	case !t.shown && !proven && len(p.peers) == 0:
		return p.serveSingly(ctx, bundle.Unshown, lost, "nothing shows that rows keep apart: "+t.text+"; add a "+bundle.GoldenFile+" with rows that differ")
	case !t.shown && proven:
		how.Text = "proven by the graph; no test of it says anything: " + t.text
	}
	if lost != "" {
		how.Text += "; padding is off, since it changes answers"
	}
	how.Watched = true
	return Verdict{Outcome: outcome, Text: lost + t.text}, nil
}

// serveSingly opens the model again for whole requests.
func (p *devicePass) serveSingly(ctx context.Context, basis bundle.BatchBasis, lost, why string) (Verdict, error) {
	p.batching = bundle.Batching{Mode: bundle.Single, Basis: basis, Text: why}
	return p.reopen(ctx, bundle.Unbatched(p.bundle.Schema, p.bundle.FixedBatch), lost+"served unbatched: "+why)
}

// serveRowByRow opens the model again for batches of one row.
func (p *devicePass) serveRowByRow(ctx context.Context, lost, why string) (Verdict, error) {
	p.batching = bundle.Batching{Mode: bundle.RowByRow, Basis: bundle.Refuted, Text: why}
	s := *p.bundle.Schema
	s.MaxBatch, s.Padding = 1, nil
	return p.reopen(ctx, &s, lost+"rows run one by one: "+why)
}

// reopen opens the model for runs that hold one request each.
func (p *devicePass) reopen(ctx context.Context, s *tensor.Schema, text string) (Verdict, error) {
	if err := p.open(ctx, s); err != nil {
		return Verdict{}, err
	}
	p.rows, p.source = p.soleRequest(ctx)
	return Verdict{Outcome: Changed, Text: text}, nil
}
