package look

import (
	"context"
	"time"

	"sluice/features/store"
)

// again is how long a store that does not answer is left alone: those that connect in the background need a moment.
const again = 20 * time.Millisecond

// Reach waits until a store gives a sign of life, and tells how long the one that came took.
func Reach(ctx context.Context, st store.Store) (took time.Duration, err error) {
	err = untilWell(ctx, func() error {
		began := time.Now()
		err := st.Ping(ctx)
		took = time.Since(began)
		return err
	})
	return took, err
}

// chunk is how many keys are read at a time.
const chunk = 500

// Read reads the rows of keys, of which none may be there twice, and gives them in pieces, each good until each returns.
func Read(ctx context.Context, st store.Store, g *store.Group, keys []store.Key, each func(keys []store.Key, rows *store.Rows) error) error {
	r, err := st.Reader(g)
	if err != nil {
		return err
	}
	var rows store.Rows
	for len(keys) > 0 {
		some := keys[:min(chunk, len(keys))]
		err := untilWell(ctx, func() error {
			rows.Reset(g, len(some))
			return r.Read(ctx, r.Generation(), some, &rows)
		})
		if err == nil {
			err = each(some, &rows)
		}
		if err != nil {
			return err
		}
		keys = keys[len(some):]
	}
	return nil
}

// untilWell tries until it goes well or the context has ended; then the last fault is the answer.
func untilWell(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(again):
		}
	}
}
