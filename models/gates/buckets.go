package gates

import (
	"context"
	"fmt"

	"sluice/models/inputs"
)

// touchBuckets runs a full batch of every padded length on every lane, so that no
// request pays for memory that grows or, on a device, for a shape that is new to it. It
// also finds a length that the model itself does not take. Short lengths come first;
// a quarter of warm-up's time is the bound.
func (p *devicePass) touchBuckets(ctx context.Context, rows []inputs.Request, start lap) error {
	s := p.bundle.Schema
	if s.Padding == nil {
		return nil
	}
	for _, length := range s.Padding.Buckets {
		if s.Lengths.TooLongFor(s.Padding, length) {
			return nil // no request has that length
		}
		long := inputs.StretchAll(rows, s.Padding, length)
		m := newMeasurement(long, inputs.MostRows(long, s))
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
