package gates

import (
	"context"
	"fmt"

	"sluice/models/bundle"
)

// Check takes one bundle through the load gates and throws the sessions away. The bundle can be
// opened until it is discarded, which is the caller's to do.
func Check(ctx context.Context, opts Options, b *bundle.Bundle) (*Report, error) {
	if err := opts.CheckDevices(); err != nil {
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
