package gates

import (
	"context"
	"fmt"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/inputs"
)

// alone runs one request as if nobody else were there: as many runs as its rows need.
// The outputs are valid until the task is released.
func (p *devicePass) alone(ctx context.Context, s *inputs.Request) (*task.Task, error) {
	return p.runAlone(ctx, s, false)
}

// runAlone is alone, without padding if it is unpadded.
func (p *devicePass) runAlone(ctx context.Context, s *inputs.Request, unpadded bool) (*task.Task, error) {
	p.pace.rest(ctx)
	t := s.Task(len(p.bundle.Schema.Outputs))
	t.Unpadded = unpadded
	step := max(1, inputs.MostRows([]inputs.Request{*s}, p.bundle.Schema))
	for from := 0; from < t.Rows; from += step {
		part := task.Part{Task: t, From: from, To: min(t.Rows, from+step)}
		if err := p.run(ctx, p.lane, []task.Part{part}); err != nil {
			t.Release()
			return nil, err
		}
	}
	t.Join()
	return t, nil
}

// together runs requests of one row in one batch.
func (p *devicePass) together(ctx context.Context, lane int, rows []inputs.Request) ([]*task.Task, error) {
	p.pace.rest(ctx)
	tasks, parts := p.batch(rows)
	if err := p.run(ctx, lane, parts); err != nil {
		release(tasks)
		return nil, err
	}
	for _, t := range tasks {
		t.Join()
	}
	return tasks, nil
}

// batch prepares requests that run together.
func (p *devicePass) batch(rows []inputs.Request) ([]*task.Task, []task.Part) {
	tasks := make([]*task.Task, len(rows))
	parts := make([]task.Part, len(rows))
	for i := range rows {
		tasks[i] = rows[i].Task(len(p.bundle.Schema.Outputs))
		parts[i] = task.Part{Task: tasks[i], To: tasks[i].Rows}
	}
	return tasks, parts
}

func (p *devicePass) run(ctx context.Context, lane int, parts []task.Part) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("loading was stopped: %w", err)
	}
	begin, rows := clock.Now(), 0
	defer p.pace.track(begin)
	if _, err := p.session.Run(lane, parts, clock.Now().Add(p.opts.RunLimit)); err != nil {
		return fault.Cover(fault.ModelLoadFailed, err, "a run failed")
	}
	if err := p.session.Scatter(lane, parts); err != nil {
		return fault.Cover(fault.ModelLoadFailed, err, "a run's outputs cannot be read")
	}
	for _, part := range parts {
		rows += part.Rows()
	}
	if _, warm := p.cold[rows]; !warm && p.cold != nil {
		p.cold[rows] = clock.Now().Sub(begin)
	}
	return nil
}

func release(tasks []*task.Task) {
	for _, t := range tasks {
		t.Release()
	}
}

// output finds an output of a finished task by name.
func output(t *task.Task, name string) *tensor.Tensor {
	for i := range t.Outputs {
		if t.Outputs[i].Name == name {
			return &t.Outputs[i]
		}
	}
	return &tensor.Tensor{Name: name}
}
