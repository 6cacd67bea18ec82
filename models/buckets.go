package models

import (
	"context"
	"fmt"
	"slices"

	"sluice/internal/tensor"
)

// touchBuckets runs a full batch of every padded length on every lane, so that no
// request pays for memory that grows or, on a device, for a shape that is new to it. It
// also finds a length that the model itself does not take. Short lengths come first;
// a quarter of warm-up's time is the bound.
func (p *proof) touchBuckets(ctx context.Context, rows []sample, start stopwatch) error {
	s := p.bundle.Schema
	if s.Padding == nil {
		return nil
	}
	for _, length := range s.Padding.Buckets {
		if s.Lengths.TooLongFor(s.Padding, length) {
			return nil // no request has that length
		}
		long := stretchAll(rows, s.Padding, length)
		m := newMeasurement(long, mostRows(long, s))
		for lane := range p.lanes {
			if p.expired(start, p.opts.WarmupBudget/4) {
				return nil
			}
			if _, err := p.timeRun(ctx, lane, m); err != nil {
				return fmt.Errorf("padding.buckets has %d and a batch of that length fails: %w", length, err)
			}
		}
	}
	return nil
}

func stretchAll(rows []sample, p *tensor.Padding, length int) []sample {
	all := make([]sample, len(rows))
	for i := range rows {
		all[i] = rows[i].stretched(p, length)
	}
	return all
}

// stretched repeats or cuts the row along its padded axis: its elements stay such that
// the model takes them, which made-up ones might not be.
func (s *sample) stretched(p *tensor.Padding, length int) sample {
	other := sample{rows: s.rows, inputs: slices.Clone(s.inputs)}
	for i := range other.inputs {
		t := &other.inputs[i]
		at := p.InputAxis[i]
		if at < 0 || t.Shape[at] == 0 {
			continue
		}
		own := int(t.Shape[at])
		step := t.Type.Size()
		for _, d := range t.Shape[at+1:] {
			step *= int(d)
		}
		var data []byte
		for block := range slices.Chunk(t.Data, own*step) {
			for k := range length {
				data = append(data, block[k%own*step:(k%own+1)*step]...)
			}
		}
		t.Shape = slices.Clone(t.Shape)
		t.Shape[at] = int64(length)
		t.Data = data
	}
	return other
}
