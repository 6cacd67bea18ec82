package gates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/internal/agree"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/models/bundle"
	"sluice/models/inputs"
	"sluice/models/trial"
)

// soloRun is rows that may share a batch, each with its answer alone.
type soloRun struct {
	rows   []inputs.Request
	tasks  []*task.Task
	source string
	per    time.Duration // of a row
}

// goldenRun runs the golden rows.
func (p *devicePass) goldenRun(ctx context.Context, start lap) (*soloRun, string, error) {
	if len(p.golden) == 0 {
		return nil, "", nil
	}
	rows, err := p.goldenRows()
	if err != nil {
		return nil, "", err
	}
	return p.runSolo(ctx, start, rows, "golden rows")
}

// madeUpRun runs made-up rows of the first kind that the model takes.
func (p *devicePass) madeUpRun(ctx context.Context, start lap) (*soloRun, string, error) {
	why := ""
	for _, profile := range inputs.Profiles() {
		made := inputs.NewSynthesis(p.bundle.Schema, p.graph.Hints, profile)
		solo, refused, err := p.runSolo(ctx, start, made.MakeAll(min(maxTestRows, max(p.bundle.Schema.MaxBatch, 8))), "made-up rows")
		if solo != nil || err != nil {
			return solo, "", err
		}
		if why == "" {
			why = "the model takes no made-up row (" + refused + ")"
		}
		if p.expired(start, p.opts.GateLimit) {
			break
		}
	}
	return nil, why, nil
}

// runSolo runs rows alone, and unpadded, until the time is up; two at least. A row that the model
// refuses is left out; if the first few are, all are. The first two rows run twice: a model that
// answers differently each time cannot be compared.
func (p *devicePass) runSolo(ctx context.Context, start lap, rows []inputs.Request, source string) (s *soloRun, refused string, err error) {
	s = &soloRun{source: source}
	began := p.stopwatch()
	for i := range rows {
		if len(s.rows) >= 2 && p.expired(start, p.opts.GateLimit/2) || len(s.rows) == 0 && i >= 4 {
			break
		}
		t, err := p.runAlone(ctx, &rows[i], true)
		if err == nil && len(s.rows) < 2 {
			err = p.repeats(ctx, &rows[i], t)
		}
		var unsteady *unsteadyError
		lost, _ := task.DeviceFailed(err)
		switch {
		case lost, errors.As(err, &unsteady):
			release(s.tasks)
			return nil, "", err
		case ctx.Err() != nil:
			release(s.tasks)
			return nil, "", fmt.Errorf("loading was stopped: %w", ctx.Err())
		case err != nil:
			if refused == "" {
				refused = trial.Shapes(rows[i].Inputs) + ": " + fault.Sentence(err)
			}
			continue
		}
		s.rows, s.tasks = append(s.rows, rows[i]), append(s.tasks, t)
	}
	if len(s.rows) == 0 {
		return nil, refused, nil
	}
	s.per = clock.Now().Sub(began.began) / time.Duration(len(s.rows))
	return s, "", nil
}

// unsteadyError is a model that answers one row in two ways.
type unsteadyError struct{ text string }

func (e *unsteadyError) Error() string { return "the model is not deterministic: " + e.text }

// repeats runs a row that has an answer once more.
func (p *devicePass) repeats(ctx context.Context, s *inputs.Request, first *task.Task) error {
	again, err := p.runAlone(ctx, s, true)
	if err != nil {
		first.Release()
		return err
	}
	defer again.Release()
	var d agree.Worst
	d.AddAll(again.Outputs, first.Outputs, true, 0, p.bundle.Config.Tolerance)
	if d.Failed() {
		first.Release()
		return &unsteadyError{d.String()}
	}
	return nil
}

// goldenRows cuts the golden requests into rows, keeps those that may share a batch,
// and adds them scaled, because trained data is often all of one size.
func (p *devicePass) goldenRows() ([]inputs.Request, error) {
	var rows []inputs.Request
	for i := range p.golden {
		for r := range p.golden[i].Request.Rows {
			row, err := p.golden[i].Request.Row(r)
			if err != nil {
				return nil, fmt.Errorf("%s line %d: %w", bundle.GoldenFile, p.golden[i].Line, err)
			}
			rows = append(rows, row)
		}
	}
	rows = inputs.LargestGroup(rows, p.bundle.Schema, false)
	rows = slices.Clone(rows[:min(len(rows), maxTestRows)])
	if n := len(rows); rows[0].HasFloats() {
		for i := 0; i < n && len(rows) < maxTestRows; i++ {
			rows = append(rows, rows[i].Scaled(10))
		}
	}
	return rows, nil
}

// soleRequest is what warms a model whose runs hold one request, and what is compared between
// devices: the first golden one, or one made up that the model takes.
func (p *devicePass) soleRequest(ctx context.Context) ([]inputs.Request, string) {
	if len(p.golden) > 0 {
		first := p.golden[0].Request
		if p.bundle.Schema.Batchable() {
			if row, err := first.Row(0); err == nil {
				first = row
			}
		}
		return []inputs.Request{first}, "golden rows"
	}
	start := p.stopwatch()
	for _, profile := range inputs.Profiles() {
		made := inputs.NewSynthesis(p.bundle.Schema, p.graph.Hints, profile).Make(0)
		if t, err := p.alone(ctx, &made); err == nil {
			t.Release()
			return []inputs.Request{made}, "made-up rows"
		}
		if ctx.Err() != nil || p.expired(start, p.opts.GateLimit) {
			break
		}
	}
	return nil, ""
}
