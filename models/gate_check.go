package models

import (
	"context"
	"fmt"
)

// CheckGates takes one bundle through the load gates and throws the sessions away. The bundle can be
// opened until it is discarded, which is the caller's to do.
func CheckGates(ctx context.Context, opts GateOptions, b *Bundle) (*Report, error) {
	if err := opts.checkDevices(); err != nil {
		return nil, err
	}
	opts = opts.WithDefaults()
	placements, report := newBundlePass(&opts, b).walk(ctx)
	for _, p := range placements {
		if err := p.Session.Close(); err != nil {
			return report, fmt.Errorf("cannot close the session of %s on %s: %w", b.Label(), p.Device, err)
		}
	}
	return report, ctx.Err()
}
