package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/features/native"
	"sluice/features/store"
)

// errCut is that of a step at which the memory's store was cut.
var errCut = errors.New("cut")

// memory is a store in memory, as a Writer is to be. Its steps are counted, and one of them can be cut: before it does
// anything, or when it has done all.
type memory struct {
	visible, previous, loading, last uint64
	generations                      map[uint64]*generation
	schemas                          map[string]bool

	steps, cut int
	after      bool
	// beside is called after each step, as another process may do something then.
	beside func()
}

type generation struct {
	source string
	rows   int64
	values map[string][]byte
}

func newMemory() *memory {
	return &memory{generations: map[uint64]*generation{}, schemas: map[string]bool{}, cut: -1}
}

// step does something, or not.
func (m *memory) step(do func() error) error {
	m.steps++
	cut := m.steps == m.cut
	if cut && !m.after {
		return errCut
	}
	err := do()
	if m.beside != nil {
		m.beside()
	}
	if cut {
		return errCut
	}
	return err
}

func (m *memory) Begin(_ context.Context, source string, schema *native.Schema) (at store.Standing, err error) {
	err = m.step(func() error {
		m.schemas[string(schema.Record())] = true
		for _, n := range []uint64{m.visible, m.loading} {
			if g := m.generations[n]; g != nil && g.source == source {
				at = store.Standing{Generation: n, Rows: g.rows, Visible: n == m.visible}
				return nil
			}
		}
		delete(m.generations, m.loading)
		delete(m.generations, m.previous)
		m.last++
		m.loading, m.previous = m.last, 0
		m.generations[m.loading] = &generation{source: source, values: map[string][]byte{}}
		at = store.Standing{Generation: m.loading}
		return nil
	})
	return at, err
}

func newerThan(old, row []byte) bool {
	_, was, _ := native.Header(old)
	_, is, _ := native.Header(row)
	return was > is
}

func (m *memory) Write(_ context.Context, from int64, rows []store.Record) error {
	return m.step(func() error {
		g := m.generations[m.loading]
		if g.rows != from {
			return fmt.Errorf("%d rows are committed and not %d", g.rows, from)
		}
		g.rows += int64(len(rows))
		for _, r := range rows {
			if old, there := g.values[string(r.Key)]; !there || !newerThan(old, r.Value) {
				g.values[string(r.Key)] = bytes.Clone(r.Value)
			}
		}
		return nil
	})
}

func (m *memory) Read(_ context.Context, keys [][]byte, each func(int, []byte)) error {
	return m.step(func() error {
		if !slices.IsSortedFunc(keys, bytes.Compare) {
			return errors.New("the keys are not sorted")
		}
		for i, key := range keys {
			if v, there := m.generations[m.loading].values[string(key)]; there {
				each(i, v)
			}
		}
		return nil
	})
}

func (m *memory) Flip(context.Context) error {
	return m.step(func() error {
		m.previous, m.visible, m.loading = m.visible, m.loading, 0
		return nil
	})
}

func (m *memory) Rollback(context.Context) error {
	return m.step(func() error {
		m.visible, m.previous = m.previous, m.visible
		return nil
	})
}

func (m *memory) Upsert(_ context.Context, schema *native.Schema, rows []store.Record) error {
	return m.step(func() error {
		m.schemas[string(schema.Record())] = true
		if !slices.IsSortedFunc(rows, func(a, b store.Record) int { return bytes.Compare(a.Key, b.Key) }) {
			return errors.New("the rows are not sorted")
		}
		m.upsert(rows)
		return nil
	})
}

func (m *memory) upsert(rows []store.Record) {
	for _, n := range []uint64{m.visible, m.loading} {
		for _, r := range rows {
			if n == 0 {
				continue
			}
			if old, there := m.generations[n].values[string(r.Key)]; !there || newerThan(r.Value, old) {
				m.generations[n].values[string(r.Key)] = bytes.Clone(r.Value)
			}
		}
	}
}

func (m *memory) Close() error { return nil }

// show is the rows of a generation, as text.
func (m *memory) show(n uint64) string {
	var lines []string
	g := m.generations[n]
	if g == nil {
		return "none"
	}
	for _, key := range slices.Sorted(maps.Keys(g.values)) {
		lines = append(lines, fmt.Sprintf("%x=%x", key, g.values[key]))
	}
	return strings.Join(lines, "\n")
}
