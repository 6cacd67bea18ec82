package loadtest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"sluice/internal/traffic"
	"sluice/loadtest/load"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
)

// ReplayOptions are those of sending a recorded trace again. Load is not used, and a Length of
// 0 is the whole trace.
type ReplayOptions struct {
	RunOptions
	// Trace is the file, as `sluice serve --record` writes it, or of intervals.
	Trace string
	// Speed is how many times as fast as recorded; 0 is 1.
	Speed float64
}

// Replay sends the arrivals of a trace at their instants, counted from the first one. Each kind of request in it (model,
// rows, shape, budget) gets payloads of its own, or the recorded ones if the trace has them.
func Replay(ctx context.Context, o ReplayOptions) (*result.Result, *Detail, error) {
	o.defaults()
	o.Speed = cmp.Or(o.Speed, 1)
	o.Load = "trace:" + o.Trace
	if o.Speed != 1 {
		o.Load += fmt.Sprintf(",speed=%g", o.Speed)
	}
	l, err := traffic.Parse(o.Load)
	if err != nil {
		return nil, nil, usage(err)
	}
	a, err := locate(ctx, &o.Options, o.Target)
	if err != nil {
		return nil, nil, err
	}
	models, err := o.models(ctx)
	if err != nil {
		return nil, nil, err
	}
	length := time.Duration(0)
	if o.Length > 0 {
		length = o.Warmup + o.Length
	}
	schedule, err := load.Draw(l, load.Options{Seed: o.Seed, Length: length, Warmup: o.Warmup, Models: models})
	if err != nil {
		return nil, nil, usage(err)
	}
	if schedule.Length <= o.Warmup {
		return nil, nil, usage(fmt.Errorf("the trace %s lasts %v, which is not longer than the warm-up of %v: set a shorter --warmup", o.Trace, schedule.Length, o.Warmup))
	}
	if err := o.parts(ctx, a, schedule); err != nil {
		return nil, nil, err
	}
	end := schedule.Length
	if n := len(schedule.Arrivals); schedule.Arrivals[n-1].At >= end {
		end = schedule.Arrivals[n-1].At + 1 // the last one is in the window
	}
	s := o.empty(a, end)
	s.arrivals, s.sha = schedule.Arrivals, schedule.SHA256
	return o.measure(ctx, s, "replay")
}

// models are those that the trace may name: the one that was asked for, or all of the target.
// Of a trace that is replayed with a template the instants alone count.
func (o *ReplayOptions) models(ctx context.Context) ([]string, error) {
	switch {
	case o.Target.Template != "":
		return nil, nil
	case o.Target.Model != "":
		return []string{o.Target.Model}, nil
	}
	return payload.Models(ctx, o.Target.URL)
}
