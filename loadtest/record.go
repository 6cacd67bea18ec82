package loadtest

import (
	"context"

	"sluice/loadtest/payload"
	"sluice/loadtest/verify"
)

// Record asks a target for the answer to each variant, alone and twice, and writes them with
// their inputs to a file that Target.Expect and the payload source golden:FILE read. It
// returns how many there are.
func Record(ctx context.Context, o Options, path string) (int, error) {
	o.defaults()
	a, err := locate(ctx, &o, o.Target)
	if err != nil {
		return 0, err
	}
	p, err := build(ctx, a.target, o.Target)
	if err != nil {
		return 0, err
	}
	e, err := verify.Record(ctx, p.set, o.Verify)
	if err != nil {
		return 0, err
	}
	if err := e.WriteFile(path, p.set); err != nil {
		return 0, &payload.UsageError{Text: err.Error()}
	}
	return len(e.Rows), nil
}
