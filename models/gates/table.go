package gates

import (
	"context"
	"fmt"
	"runtime/debug"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// gate is one load gate: its name, and what runs it, on a bundle or on each of its devices. It gives a
// verdict without name and time. An error is a refusal.
type gate[P any] struct {
	name string
	run  func(P, context.Context) (Verdict, error)
}

// The gates in the order in which they run: each may rely on those before it.
var (
	bundleGates = []gate[*bundlePass]{
		{"files", (*bundlePass).files},
		{"trial", (*bundlePass).trial},
		{"schema", (*bundlePass).schema},
	}
	deviceGates = []gate[*devicePass]{
		{"open", (*devicePass).load},
		{"golden", (*devicePass).replay},
		{"invariance", (*devicePass).invariance},
		{"parity", (*devicePass).parity},
		{"warmup", (*devicePass).warmup},
	}
)

// runGates runs gates up to the first refusal, whose error it returns. It notes the verdicts.
func runGates[P any](ctx context.Context, gates []gate[P], pass P, verdicts *[]Verdict) error {
	for _, g := range gates {
		began := clock.Now()
		v, err := g.guarded(ctx, pass)
		if err != nil {
			v = Verdict{Outcome: Refused}
			v.Text, v.Detail = fault.Explain(err)
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
func (g gate[P]) guarded(ctx context.Context, pass P) (v Verdict, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fault.Wrap(fault.ModelLoadFailed, fmt.Errorf("%v\n%s", cause, debug.Stack()), "BUG: this gate failed by itself; please report it with the bundle")
		}
	}()
	return g.run(pass, ctx)
}
