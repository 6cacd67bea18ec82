package embedded

import (
	"bytes"
	"context"
	"database/sql"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"sluice/features/feast"
	"sluice/features/store"
)

// feastReader reads one view of a Feast file.
type feastReader struct {
	store   *Feast
	group   *store.Group
	keys    *feast.Keys
	columns map[string]int // by the feature's name
	head    string         // of the query, up to the keys
	tail    string         // and behind them
	queries [maxPower + 1]atomic.Pointer[string]
	scratch sync.Pool // of *feastRead
}

func newFeastReader(f *Feast, g *store.Group) *feastReader {
	r := &feastReader{store: f, group: g, keys: feast.NewKeys(g, f.options.Keys, ""), columns: make(map[string]int, len(g.Columns))}
	names := make([]string, len(g.Columns))
	for i := range g.Columns {
		names[i] = quoteText(g.Columns[i].Name)
		r.columns[g.Columns[i].Name] = i
	}
	// A time is a number of seconds, or a text where Python's own adapter wrote it.
	r.head = "select entity_key, feature_name, value, iif(typeof(event_ts) = 'text', unixepoch(event_ts), cast(event_ts as integer)) from " + quoteName(f.options.Project+"_"+g.View) + " where entity_key in ("
	r.tail = ") and feature_name in (" + strings.Join(names, ", ") + ")"
	r.scratch.New = func() any { return new(feastRead) }
	return r
}

// feastRead is the memory of a read.
type feastRead struct {
	bytes  []byte
	keys   []feastKey
	args   []any
	sorted []int // of keys, by their bytes
	entity sql.RawBytes
	name   sql.RawBytes
	value  sql.RawBytes
	time   sql.NullInt64
}

type feastKey struct{ from, to int }

// maxParameters is how many keys one query may have; a longer read is of several.
const (
	maxPower      = 13
	maxParameters = 1 << maxPower
)

func (r *feastReader) Generation() uint64 { return 0 }

func (r *feastReader) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	s := r.scratch.Get().(*feastRead)
	defer r.scratch.Put(s)
	for first := 0; first < len(keys); first += maxParameters {
		part := keys[first:min(first+maxParameters, len(keys))]
		if err := r.read(ctx, s, first, part, into); err != nil {
			// The driver tells of a context that has ended in words of its own.
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return r.store.describe(err)
		}
		for i := range part {
			into.Done(first + i)
		}
	}
	return nil
}

func (r *feastReader) read(ctx context.Context, s *feastRead, first int, keys []store.Key, into *store.Rows) error {
	s.fill(r.keys, keys)
	file, statement, err := r.store.acquire(ctx, r.query(len(s.args)))
	if err != nil {
		return err
	}
	defer r.store.release(file)
	found, err := statement.QueryContext(ctx, s.args...)
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }() // Err tells what went wrong
	for found.Next() {
		if err := found.Scan(&s.entity, &s.name, &s.value, &s.time); err != nil {
			return err
		}
		at, isKey := slices.BinarySearchFunc(s.sorted, s.entity, func(i int, entity sql.RawBytes) int { return bytes.Compare(s.key(i), entity) })
		column, isColumn := r.columns[string(s.name)]
		if !isKey || !isColumn {
			continue
		}
		key := first + s.sorted[at]
		feast.Put(into, key, column, s.value)
		if s.time.Valid {
			into.SetOldest(key, feast.Nanos(s.time.Int64, 0))
		}
	}
	return found.Err()
}

// query asks for a number of keys that is a power of two.
func (r *feastReader) query(keys int) string {
	kept := &r.queries[bits.Len(uint(keys))-1]
	if text := kept.Load(); text != nil {
		return *text
	}
	text := r.head + "?" + strings.Repeat(", ?", keys-1) + r.tail
	kept.Store(&text)
	return text
}

// fill encodes keys. The last one stands in the query several times, up to a power of two, so that few queries are prepared.
func (s *feastRead) fill(layout *feast.Keys, keys []store.Key) {
	s.bytes, s.keys, s.sorted, s.args = s.bytes[:0], s.keys[:0], s.sorted[:0], s.args[:0]
	for i, key := range keys {
		from := len(s.bytes)
		s.bytes = layout.Append(s.bytes, key)
		s.keys = append(s.keys, feastKey{from, len(s.bytes)})
		s.sorted = append(s.sorted, i)
	}
	for i := range keys {
		s.args = append(s.args, s.key(i))
	}
	for len(s.args)&(len(s.args)-1) != 0 {
		s.args = append(s.args, s.args[len(keys)-1])
	}
	slices.SortFunc(s.sorted, func(a, b int) int { return bytes.Compare(s.key(a), s.key(b)) })
}

func (s *feastRead) key(i int) []byte { return s.bytes[s.keys[i].from:s.keys[i].to] }
