package embedded

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"sluice/features/native"
	"sluice/features/store"
)

// reader reads one group of a view.
type reader struct {
	view    *view
	decoder *native.Decoder
}

// Generation is that which was visible at the last look.
func (r *reader) Generation() uint64 {
	if g := r.view.visible(); g != nil {
		return g.number
	}
	return 0
}

// checkEvery is how many keys are read between two looks at the context: each costs some microseconds at most.
const checkEvery = 32

// scratch is the memory of a read: for each key the row that was upserted.
type scratch struct{ upserts [][]byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxScratch is the keys up to which a read's memory is kept.
const maxScratch = 64 << 10

func (r *reader) Read(ctx context.Context, number uint64, keys []store.Key, into *store.Rows) error {
	g, err := r.view.generation(number)
	if err != nil {
		return err
	}
	s := scratches.Get().(*scratch)
	s.upserts = g.appendUpserts(s.upserts[:0], keys)
	if err = r.read(ctx, g, keys, s.upserts, into); err != nil {
		err = fmt.Errorf("cannot read view %s in %s: %w", r.view.folder.view, r.view.folder.dir, err)
	}
	clear(s.upserts) // a pool must not keep the rows of a generation that is gone
	if cap(s.upserts) <= maxScratch {
		scratches.Put(s)
	}
	return err
}

func (r *reader) read(ctx context.Context, g *generation, keys []store.Key, upserts [][]byte, into *store.Rows) (err error) {
	if g.damaged.Load() {
		return g.damage()
	}
	defer g.recoverFault(debug.SetPanicOnFault(true), &err)
	tx, err := g.rows.Begin(false)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	rows := tx.Bucket(rowsBucket)
	for i, key := range keys {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row := rows.Get(key)
		if upserted := upserts[i]; upserted != nil && newer(upserted, row) {
			row = upserted
		}
		if row != nil {
			if err := r.decode(g, into, i, row); err != nil {
				return err
			}
		}
		into.Done(i)
	}
	return nil
}

func (r *reader) decode(g *generation, into *store.Rows, key int, row []byte) error {
	err := r.decoder.Decode(into, key, row)
	if !errors.Is(err, native.ErrSchema) {
		return err
	}
	hash, _, _ := native.Header(row)
	s := g.schema(hash)
	if s == nil { // damage: it costs the row and not those that are read with it
		into.SetRowWrong(key)
		return nil
	}
	if err := r.decoder.Learn(s); err != nil {
		return err
	}
	return r.decoder.Decode(into, key, row)
}
