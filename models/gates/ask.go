package gates

import (
	"context"
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/inputs"
)

// Asked is a request that two placements were asked, and their answers. The tensors are valid until the next request.
type Asked struct {
	// Source says where the request comes from.
	Source string
	Rows   int
	// Answers are the outputs in the order of the schema, and Failures why there is none.
	Answers  [2][]tensor.Tensor
	Failures [2]error
}

// Ask runs requests of a loaded bundle on two placements that nobody else uses, each request alone: the golden ones, further
// ones, and so many made-up rows of the first kind that the model takes. It tells of each that at least one of them has
// answered.
func Ask(ctx context.Context, opts *Options, l *Loaded, places [2]*Placement, further []inputs.Request, madeUp int, tell func(*Asked)) error {
	var on [2]*devicePass
	b := *l.Bundle
	p := newBundlePass(opts, &b, Company{Serving: func() bool { return false }})
	p.graph, p.batching = l.graph, l.batching
	for i, place := range places {
		on[i] = &devicePass{bundlePass: p, device: opts.Device(place.Device), session: place.Session}
	}
	text, err := b.GoldenText()
	if err != nil {
		return err
	}
	var golden []inputs.Golden
	if len(text) > 0 {
		plan, err := b.Config.Plan(b.Schema)
		if err == nil {
			golden, err = inputs.DecodeGolden(text, b.Schema, plan)
		}
		if err != nil {
			return err
		}
	}
	for i := range golden {
		if _, err := ask(ctx, on, "golden", &golden[i].Request, tell); err != nil {
			return err
		}
	}
	for i := range further {
		if _, err := ask(ctx, on, "recorded", &further[i], tell); err != nil {
			return err
		}
	}
	for _, profile := range inputs.Profiles() {
		rows := inputs.NewSynthesis(b.Schema, p.graph.Hints, profile).MakeAll(madeUp)
		for i := range rows {
			answered, err := ask(ctx, on, "made up", &rows[i], tell)
			if err != nil {
				return err
			}
			if i == 0 && !answered {
				break // the model takes no such rows
			}
			if i == len(rows)-1 {
				return nil
			}
		}
	}
	return nil
}

// ask runs one request on both devices, and reports whether one has answered.
func ask(ctx context.Context, on [2]*devicePass, source string, r *inputs.Request, tell func(*Asked)) (bool, error) {
	a := Asked{Source: source, Rows: r.Rows}
	var tasks []*task.Task
	for i, p := range on {
		t, err := p.alone(ctx, r)
		if lost, _ := task.DeviceFailed(err); lost || ctx.Err() != nil {
			release(tasks)
			return false, fmt.Errorf("%s: %w", p.device.Name, err)
		}
		if a.Failures[i] = err; err == nil {
			tasks = append(tasks, t)
			a.Answers[i] = t.Outputs
		}
	}
	defer release(tasks)
	if len(tasks) > 0 {
		for i, err := range a.Failures {
			if err != nil {
				a.Failures[i] = fmt.Errorf("%s: %s", on[i].device.Name, fault.Sentence(err))
			}
		}
		tell(&a)
	}
	return len(tasks) > 0, nil
}
