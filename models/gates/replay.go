package gates

import (
	"context"
	"fmt"

	"sluice/internal/agree"
	"sluice/internal/units"
	"sluice/models/bundle"
	"sluice/models/inputs"
)

// replay runs the golden rows, each request alone, and compares the answers.
func (p *devicePass) replay(ctx context.Context) (Verdict, error) {
	b := p.bundle
	text, err := b.GoldenText()
	if err != nil {
		return Verdict{}, err
	}
	if len(text) == 0 {
		return Verdict{Outcome: Skipped, Text: "the bundle has no " + bundle.GoldenFile + ": nothing shows that answers are right"}, nil
	}
	plan, err := b.Config.Plan(b.Schema)
	if err != nil {
		return Verdict{}, err
	}
	all, err := inputs.DecodeGolden(text, b.Schema, plan)
	if err != nil {
		return Verdict{}, err
	}
	p.golden = all
	rows := 0
	for i := range all {
		rows += all[i].Request.Rows
	}
	p.report.Golden = &GoldenReport{Requests: len(all), Rows: rows}
	var worst agree.Worst
	for i := range all {
		if err := p.replayLine(ctx, &all[i], &worst); err != nil {
			return Verdict{}, fmt.Errorf("%s line %d: %w", bundle.GoldenFile, all[i].Line, err)
		}
		if worst.Failed() {
			return Verdict{}, fmt.Errorf("%s line %d: the answer is wrong, %s: either the model or the expected rows are of another training", bundle.GoldenFile, all[i].Line, worst.String())
		}
	}
	return Verdict{Outcome: Passed, Text: fmt.Sprintf("%s with %s answered as expected, %s", units.Count(len(all), "request"), units.Count(rows, "row"), worst.String())}, nil
}

func (p *devicePass) replayLine(ctx context.Context, g *inputs.Golden, worst *agree.Worst) error {
	t, err := p.alone(ctx, &g.Request)
	if err != nil {
		return err
	}
	defer t.Release()
	for k := range g.Want {
		worst.Add(output(t, g.Want[k].Name), &g.Want[k], p.bundle.Schema.Batchable(), 0, p.bundle.Config.Tolerance)
	}
	return nil
}
