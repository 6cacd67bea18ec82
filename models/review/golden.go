package review

import (
	"context"
	"fmt"
	"math"
	"time"

	"sluice/internal/agree"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models"
	"sluice/models/gates"
	"sluice/models/inputs"
)

// The bounds of a replay in one direction.
const (
	maxReplayed = 1000             // requests
	replayLimit = 10 * time.Second // in all; what is asked for then is waited for
)

// Golden is what the two versions have of golden rows, and what each answers to those of the other.
type Golden struct {
	From *Rows `json:"from"`
	To   *Rows `json:"to"`
	// Answers has an entry for each version that has golden rows.
	Answers []Answers `json:"answers"`
}

// Rows counts golden requests, and the rows in them; nil stands for a version that has none.
type Rows struct {
	Requests int `json:"requests"`
	Rows     int `json:"rows"`
}

// Answers is what one version answers to the golden rows of the other one.
type Answers struct {
	// Of is the version that has the golden rows, On the one that they ran on.
	Of string `json:"of"`
	On string `json:"on"`
	// Rows ran. Of these Differ were answered otherwise than the tolerance of the version Of allows, and Failed got no answer.
	Rows   int `json:"rows"`
	Differ int `json:"differ"`
	Failed int `json:"failed"`
	// Largest is the largest difference; nil if there is none.
	Largest *Largest `json:"largest,omitempty"`
	// Failure says why the first row failed that did.
	Failure string `json:"failure,omitempty"`
	// LeftOut says why rows did not run; empty if all did.
	LeftOut string `json:"left_out,omitempty"`
}

// Largest is the largest difference between an answer and the golden one.
type Largest struct {
	Line   int    `json:"line"` // of golden.jsonl
	Row    int    `json:"row"`  // of the request, from 0 on
	Output string `json:"output"`
	// Excess is the difference over what the tolerance allows; above 1 is beyond it. It is left out where no tolerance
	// allows the difference.
	Excess *float64 `json:"excess,omitempty"`
	Text   string   `json:"text"`
}

func golden(r *gates.Report) *Rows {
	if r.Golden == nil {
		return nil
	}
	return &Rows{r.Golden.Requests, r.Golden.Rows}
}

// replayBoth runs the golden rows of each version on the other one.
func (r *Review) replayBoth(ctx context.Context, d *Diff) error {
	if d.Golden.From == nil && d.Golden.To == nil {
		return ctx.Err()
	}
	select {
	case r.replaying <- struct{}{}:
		defer func() { <-r.replaying }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, way := range []struct {
		rows   *Rows
		of, on *Side
	}{{d.Golden.From, &d.From, &d.To}, {d.Golden.To, &d.To, &d.From}} {
		if way.rows == nil {
			continue
		}
		a := Answers{Of: way.of.Version, On: way.on.Version}
		if d.Schema.Client == SchemaEqual {
			r.replayOn(ctx, d.Model, &a)
		} else {
			a.LeftOut = "a client can tell the schemas apart, or they are not known"
		}
		d.Golden.Answers = append(d.Golden.Answers, a)
	}
	return ctx.Err()
}

// replayOn runs the golden rows of one version on the other one, as far as it can.
func (r *Review) replayOn(ctx context.Context, model string, a *Answers) {
	of, err := r.registry.Acquire(model, a.Of)
	if err != nil {
		a.LeftOut = "version " + a.Of + " is not loaded: " + fault.Sentence(err)
		return
	}
	defer of.Release()
	on, err := r.registry.Acquire(model, a.On)
	if err != nil {
		a.LeftOut = "version " + a.On + " is not loaded: " + fault.Sentence(err)
		return
	}
	defer on.Release()
	text, err := of.Report.Bundle.GoldenText()
	if err != nil {
		a.LeftOut = fault.Sentence(err)
		return
	}
	all, err := inputs.DecodeGolden(text, on.Schema, on.Features)
	if err != nil {
		a.LeftOut = fmt.Sprintf("version %s does not take them: %s", a.On, fault.Sentence(err))
		return
	}
	until := clock.Now().Add(replayLimit)
	for i := range all {
		switch {
		case ctx.Err() != nil:
			a.LeftOut = "it was stopped"
		case i == maxReplayed || clock.Now() >= until:
			a.LeftOut = fmt.Sprintf("the first %d of %d requests ran: at most %d do, and for %v", i, len(all), maxReplayed, replayLimit)
		default:
			a.LeftOut = r.replayLine(on, &all[i], a, of.Config.Tolerance, until)
		}
		if a.LeftOut != "" {
			return
		}
	}
}

// replayLine runs one golden request and counts what it was answered. It says why no further one is to run; "" if one may.
func (r *Review) replayLine(on *models.Version, g *inputs.Golden, a *Answers, tolerance agree.Tolerance, until clock.Instant) (stop string) {
	a.Rows += g.Request.Rows
	err := fits(on.Schema, g.Request.Inputs)
	if err == nil {
		t := g.Request.Task(len(on.Schema.Outputs))
		defer t.Release()
		t.Arrived, t.Deadline, t.Priority, t.MostRows = clock.Now(), until.Add(time.Second), task.Low, on.Schema.MostRows(t.Inputs)
		if err = r.replay(on, t); err == nil {
			a.compare(t.Outputs, g, on.Schema, tolerance)
			return ""
		}
	}
	switch fault.Of(err).Kind {
	case fault.Overloaded, fault.BudgetTooShort, fault.NoCapacity, fault.Draining, fault.DeadlineExceeded:
		a.Rows -= g.Request.Rows
		return fmt.Sprintf("from line %d on: %s", g.Line, fault.Sentence(err))
	}
	if a.Failed += g.Request.Rows; a.Failure == "" {
		a.Failure = fmt.Sprintf("line %d: %s", g.Line, fault.Sentence(err))
	}
	return ""
}

// fits refuses rows that are longer than the version takes.
func fits(s *tensor.Schema, given []tensor.Tensor) error {
	for i := range given {
		if axis, dim := s.Lengths.TooLong(i, given[i].Shape); axis >= 0 {
			a := &s.Lengths.Axes[axis]
			return fmt.Errorf("%s is %d and may be %d", a.Name, given[i].Shape[dim], a.Most)
		}
	}
	if l := s.Lengths; l != nil && l.Product > 0 && l.Multiplied(given) > l.Product {
		return fmt.Errorf("its lengths multiply to %d and may to %d", l.Multiplied(given), l.Product)
	}
	return nil
}

// compare counts the rows of an answer that differ from the golden one.
func (a *Answers) compare(got []tensor.Tensor, g *inputs.Golden, s *tensor.Schema, tolerance agree.Tolerance) {
	for row := range g.Request.Rows {
		var worst agree.Worst
		for k := range g.Want {
			at := s.Output([]byte(g.Want[k].Name))
			want, answer := &g.Want[k], &got[at]
			if s.Batchable() {
				w, x := rowOf(want, row), rowOf(answer, row)
				if w != nil && x != nil {
					want, answer = w, x
				}
			}
			worst.Add(answer, want, s.Batchable(), row, tolerance)
		}
		if worst.Failed() {
			a.Differ++
		}
		if worst.Excess > 0 && (a.Largest == nil || worst.Excess > a.Largest.excess()) {
			a.Largest = &Largest{Line: g.Line, Row: row, Output: worst.Output, Text: worst.Values()}
			if !math.IsInf(worst.Excess, 1) {
				a.Largest.Excess = &worst.Excess
			}
		}
	}
}

func (l *Largest) excess() float64 {
	if l.Excess == nil {
		return math.Inf(1)
	}
	return *l.Excess
}

// rowOf is one row of an output, or all of it where the request got it once; nil if there is none.
func rowOf(t *tensor.Tensor, row int) *tensor.Tensor {
	if len(t.Shape) == 0 || t.Shape[0] != 1 && int64(row) >= t.Shape[0] {
		return nil
	}
	if t.Shape[0] == 1 {
		row = 0
	}
	one, err := inputs.CutRow(*t, row)
	if err != nil {
		return nil
	}
	return &one
}
