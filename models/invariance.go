package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
)

// maxProofRows is how many different rows are compared; larger batches repeat them.
const maxProofRows = 64

// invariance proves that a row's answer does not depend on who shares its batch: each
// row alone, and in batches of every size, must agree within the tolerance. A model
// that fails loses what it failed with, padding first and then batching, and serves.
func (p *proof) invariance(ctx context.Context) (Verdict, error) {
	s := p.bundle.Schema
	if s.MaxBatch <= 1 {
		p.rows, p.source = p.soleRequest(ctx)
		return Verdict{Outcome: Skipped, Text: "rows never share a run"}, nil
	}
	v, failure, err := p.compareBatches(ctx)
	if err != nil || failure == "" {
		return v, err
	}
	if len(p.peers) > 0 {
		return Verdict{}, fmt.Errorf("%s; the version is served in batches, as proven on %s", failure, p.peers[0].device.Name)
	}
	lost := ""
	if s.Padding != nil {
		unpadded := *s
		unpadded.Padding = nil
		if err := p.open(ctx, &unpadded); err != nil {
			return Verdict{}, err
		}
		lost = "served unpadded, because padded " + failure
		if v, failure, err = p.compareBatches(ctx); err != nil {
			return Verdict{}, err
		}
		if failure == "" {
			return Verdict{Outcome: Changed, Text: lost + "; unpadded, " + v.Text}, nil
		}
	}
	if err := p.open(ctx, unbatched(p.bundle.Schema, p.bundle.FixedBatch)); err != nil {
		return Verdict{}, err
	}
	p.rows, p.source = p.soleRequest(ctx)
	return Verdict{Outcome: Changed, Text: "served unbatched: " + failure}, nil
}

// compareBatches returns a verdict, or in failure what speaks against batching.
func (p *proof) compareBatches(ctx context.Context) (v Verdict, failure string, err error) {
	start := p.watch()
	rows, solo, failure, err := p.soloRows(ctx, start)
	if err != nil || failure != "" {
		return v, failure, err
	}
	defer release(solo)
	perRow := clock.Now().Sub(start.began) / time.Duration(len(rows))
	sizes, skipped := proofSizes(p.bundle.Schema.MaxBatch, perRow, p.opts.GateLimit)
	var worst difference
	done := 0
	for i, size := range sizes {
		if i >= 2 && p.expired(start, p.opts.GateLimit) {
			break
		}
		if failure, err = p.compareBatch(ctx, rows, solo, size, &worst); err != nil || failure != "" {
			return v, failure, err
		}
		done++
	}
	p.rows = rows
	text := fmt.Sprintf("%d %s agree alone and in %d sizes of batch up to %d, %s", len(rows), p.source, done, sizes[0], worst.String())
	if left := len(sizes) - done + skipped; left > 0 {
		text += fmt.Sprintf("; %d more sizes were left out because of the limit of %v", left, p.opts.GateLimit)
	}
	return Verdict{Outcome: Passed, Text: text}, "", nil
}

// compareBatch runs one batch size. Rows begin at another place for each size, so that
// a row is met in several positions.
func (p *proof) compareBatch(ctx context.Context, rows []sample, solo []*task.Task, size int, worst *difference) (string, error) {
	batch := make([]sample, size)
	for i := range batch {
		batch[i] = rows[(size+i)%len(rows)]
	}
	tasks, err := p.together(ctx, 0, batch)
	if lost, _ := task.DeviceFailed(err); lost {
		return "", err
	}
	if err != nil {
		return fmt.Sprintf("a batch of %d rows fails where each row alone runs: %s", size, sentence(err)), ctx.Err()
	}
	defer release(tasks)
	var here difference
	for i, t := range tasks {
		k := (size + i) % len(rows)
		for o := range t.Outputs {
			here.add(&t.Outputs[o], &solo[k].Outputs[o], true, k, p.bundle.Config.Tolerance)
		}
	}
	if here.failed() {
		return fmt.Sprintf("rows change with their batch of %d, %s", size, here.String()), nil
	}
	worst.raise(here)
	return "", nil
}

// soloRows picks rows that may share a batch and runs each alone. The tasks hold the
// answers.
func (p *proof) soloRows(ctx context.Context, start stopwatch) (rows []sample, solo []*task.Task, failure string, err error) {
	if len(p.golden) > 0 {
		p.source = "golden rows"
		if rows, err = p.goldenRows(); err != nil {
			return nil, nil, "", err
		}
		return p.runSolo(ctx, start, rows)
	}
	p.source = "made-up rows"
	for _, free := range freeLengths {
		made := newSynthesis(p.bundle.Schema, free)
		rows = rows[:0]
		for k := range min(maxProofRows, p.bundle.Schema.MaxBatch) {
			rows = append(rows, made.sample(k))
		}
		ran, solo, why, err := p.runSolo(ctx, start, rows)
		if why == "" || err != nil {
			return ran, solo, why, err
		}
		failure = why
	}
	return nil, nil, "nothing proves that rows are independent: the model takes no made-up row (" + failure + "); add a " + GoldenFile, nil
}

// runSolo runs rows alone until the time is up; two at least. failure says why the model
// does not take one; err is nothing that the model is to blame for.
func (p *proof) runSolo(ctx context.Context, start stopwatch, rows []sample) (ran []sample, solo []*task.Task, failure string, err error) {
	for i := range rows {
		if i >= 2 && p.expired(start, p.opts.GateLimit/2) {
			break
		}
		t, err := p.alone(ctx, &rows[i])
		if err != nil {
			release(solo)
			if lost, _ := task.DeviceFailed(err); !lost {
				return nil, nil, sentence(err), ctx.Err()
			}
			return nil, nil, "", err
		}
		solo = append(solo, t)
	}
	return rows[:len(solo)], solo, "", nil
}

// goldenRows cuts the golden requests into rows, keeps those that may share a batch,
// and adds them scaled, because trained data is often all of one size.
func (p *proof) goldenRows() ([]sample, error) {
	var rows []sample
	for i := range p.golden {
		for r := range p.golden[i].request.rows {
			row, err := p.golden[i].request.row(r)
			if err != nil {
				return nil, fmt.Errorf("%s line %d: %w", GoldenFile, p.golden[i].line, err)
			}
			rows = append(rows, row)
		}
	}
	rows = largestGroup(rows, p.bundle.Schema.Padding, false)
	rows = slices.Clone(rows[:min(len(rows), maxProofRows)])
	if n := len(rows); rows[0].hasFloats() {
		for i := 0; i < n && len(rows) < maxProofRows; i++ {
			rows = append(rows, rows[i].scaled(10))
		}
	}
	return rows, nil
}

// soleRequest is what warms a model whose runs hold one request: the first golden one,
// or one made up that the model takes.
func (p *proof) soleRequest(ctx context.Context) ([]sample, string) {
	if len(p.golden) > 0 {
		first := p.golden[0].request
		if p.bundle.Schema.Batchable() {
			if row, err := first.row(0); err == nil {
				first = row
			}
		}
		return []sample{first}, "golden rows"
	}
	for _, free := range freeLengths {
		made := newSynthesis(p.bundle.Schema, free).sample(0)
		if t, err := p.alone(ctx, &made); err == nil {
			t.Release()
			return []sample{made}, "made-up rows"
		}
	}
	return nil, ""
}

// proofSizes has the largest batch that a slow model can run in time first, then 2, so
// that it is proven where it matters, then the rest. skipped counts those above.
func proofSizes(maxBatch int, perRow, limit time.Duration) (sizes []int, skipped int) {
	largest := 2
	for _, size := range cost.Sizes(maxBatch) {
		switch {
		case size <= 2:
		case time.Duration(size)*perRow > limit:
			skipped++
		default:
			largest = size
		}
	}
	sizes = []int{largest}
	for _, size := range cost.Sizes(largest) {
		if size > 1 && size < largest {
			sizes = append(sizes, size)
		}
	}
	return sizes, skipped
}

// sentence is an error's text that may be shown.
func sentence(err error) string {
	text, _ := explain(err)
	return text
}
