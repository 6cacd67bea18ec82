package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"sluice/features/native"
	"sluice/features/store"
)

// Upsert puts the rows of a file into the visible generation, and into the one that is being loaded, where they are newer than what
// is there. It may be called again after it has ended at any point: rows that are there already stay.
func Upsert(ctx context.Context, spec *Spec, path string, w Writer, o Options) (r Result, err error) {
	o, err = o.complete()
	if err != nil {
		return r, err
	}
	if spec.Time == nil {
		return r, fmt.Errorf("rows of view %q cannot be upserted: the spec names no column of times, and the newer row stays", spec.View)
	}
	f, err := os.Open(path)
	if err != nil {
		return r, fmt.Errorf("cannot read the rows: %w", err)
	}
	defer f.Close()
	if err = upsert(ctx, spec, f, w, o, &r); err != nil {
		return r, fmt.Errorf("cannot upsert %s into view %q: %w", path, spec.View, err)
	}
	return r, nil
}

func upsert(ctx context.Context, spec *Spec, f *os.File, w Writer, o Options, result *Result) error {
	r, err := newReader(f, spec, o.PageBytes)
	if err != nil {
		return err
	}
	p := newPace(o.RowsPerSecond)
	var c chunk
	for {
		record, err := r.next(ctx)
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return err
		}
		if !end {
			if _, ns, _ := native.Header(record.Value); ns == 0 {
				return fmt.Errorf("%s has no time, and of two rows the newer stays", r.source.place())
			}
			c.add(record)
		}
		if len(c.rows) == o.ChunkRows || end && len(c.rows) > 0 {
			rows := newest(c.rows)
			if err := p.wait(ctx, len(rows)); err != nil {
				return err
			}
			if err := w.Upsert(ctx, spec.schema, rows); err != nil {
				return err
			}
			c.reset()
			result.Read = r.n
			result.Rows += int64(len(rows))
			o.Progress(Progress{Stage: Writing, Rows: r.n})
		}
		if end {
			return nil
		}
	}
}

// newest sorts rows by key, and keeps the newest of each, of equal times the last one.
func newest(rows []store.Record) []store.Record {
	slices.Reverse(rows)
	slices.SortStableFunc(rows, func(a, b store.Record) int {
		_, ta, _ := native.Header(a.Value)
		_, tb, _ := native.Header(b.Value)
		return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(tb, ta))
	})
	return slices.CompactFunc(rows, func(a, b store.Record) bool { return bytes.Equal(a.Key, b.Key) })
}
