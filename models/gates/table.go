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
type gate struct {
	name   string
	bundle func(*bundlePass, context.Context) (Verdict, error)
	device func(*devicePass, context.Context) (Verdict, error)
}

// table has the gates in the order in which they run: each may rely on those before it.
var table = []gate{
	{name: "files", bundle: (*bundlePass).files},
	{name: "trial", bundle: (*bundlePass).trial},
	{name: "schema", bundle: (*bundlePass).schema},
	{name: "open", device: (*devicePass).load},
	{name: "golden", device: (*devicePass).replay},
	{name: "invariance", device: (*devicePass).invariance},
	{name: "parity", device: (*devicePass).parity},
	{name: "warmup", device: (*devicePass).warmup},
}

// step is a gate that is about to run.
type step func(context.Context) (Verdict, error)

// onBundle is the gate's step for a bundle; nil if it is none of those.
func (g *gate) onBundle(p *bundlePass) step {
	if g.bundle == nil {
		return nil
	}
	return func(ctx context.Context) (Verdict, error) { return g.bundle(p, ctx) }
}

// onDevice is the gate's step for a device; nil if it is none of those.
func (g *gate) onDevice(p *devicePass) step {
	if g.device == nil {
		return nil
	}
	return func(ctx context.Context) (Verdict, error) { return g.device(p, ctx) }
}

// runGates runs those gates that have a step, up to the first refusal, whose error it returns. It
// notes the verdicts.
func runGates(ctx context.Context, verdicts *[]Verdict, of func(*gate) step) error {
	for i := range table {
		run := of(&table[i])
		if run == nil {
			continue
		}
		began := clock.Now()
		v, err := run.guarded(ctx)
		if err != nil {
			v = Verdict{Outcome: Refused}
			v.Text, v.Detail = fault.Explain(err)
		}
		v.Gate, v.Took = table[i].name, clock.Now().Sub(began)
		*verdicts = append(*verdicts, v)
		if err != nil {
			return err
		}
	}
	return nil
}

// guarded turns a panic over a strange bundle into a refusal: other models are serving.
func (s step) guarded(ctx context.Context) (v Verdict, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fault.Wrap(fault.ModelLoadFailed, fmt.Errorf("%v\n%s", cause, debug.Stack()), "BUG: this gate failed by itself; please report it with the bundle")
		}
	}()
	return s(ctx)
}
