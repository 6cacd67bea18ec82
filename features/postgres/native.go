package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"sluice/features/native"
	"sluice/features/store"
)

// nativeReader reads a group from the table of a generation.
type nativeReader struct {
	store   *Store
	group   *store.Group
	view    *view
	decoder *native.Decoder
	last    atomic.Pointer[generationQuery]
}

// generationQuery is the query of one generation.
type generationQuery struct {
	generation uint64
	query
}

func (s *Store) nativeReader(g *store.Group) (store.Reader, error) {
	if _, err := s.o.rowTable(g.View, 1); err != nil {
		return nil, fmt.Errorf("group %q: %w", g.Name, err)
	}
	d, err := native.NewDecoder(g)
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", g.Name, err)
	}
	return &nativeReader{store: s, group: g, decoder: d, view: s.generations.view(g.View)}, nil
}

// Generation is the visible one, as it was seen last.
func (r *nativeReader) Generation() uint64 { return r.view.visible.Load().generation }

func (r *nativeReader) Read(ctx context.Context, generation uint64, keys []store.Key, into *store.Rows) error {
	if generation == 0 {
		return r.store.generations.none(r.group)
	}
	q := r.last.Load()
	if q == nil || q.generation != generation {
		var err error
		if q, err = r.queryOf(generation); err != nil {
			return err
		}
		r.last.Store(q)
	}
	return r.store.read(ctx, &q.query, appendNative, keys, into)
}

// appendNative appends a key as it is.
func appendNative(dst []byte, key store.Key) []byte { return append(dst, key...) }

func (r *nativeReader) queryOf(generation uint64) (*generationQuery, error) {
	table, err := r.store.o.rowTable(r.group.View, generation)
	if err != nil {
		return nil, err
	}
	v := r.view.visible.Load()
	for _, schema := range *r.view.schemas.Load() {
		if generation == v.generation && int64(schema.Hash()) == v.schema {
			if err = r.decoder.Learn(schema); err != nil {
				return nil, err
			}
		}
	}
	statement := "select entity_key, payload from " + table + "%s where entity_key = any($1)"
	return &generationQuery{generation, query{
		name: r.group.Name, text: fmt.Sprintf(statement, ""), replica: replica(r.group, statement), columns: 2, single: true, put: r.put,
	}}, nil
}

// put takes a row: key, payload.
func (r *nativeReader) put(into *store.Rows, key int, fields [][]byte) error {
	err := r.decoder.Decode(into, key, fields[1])
	if !errors.Is(err, native.ErrSchema) {
		return err
	}
	for _, schema := range *r.view.schemas.Load() {
		_ = r.decoder.Learn(schema) // one that it refuses is not the row's
	}
	if err = r.decoder.Decode(into, key, fields[1]); err != nil {
		r.store.generations.hurry() // the row is newer than the schemas that were seen last
	}
	return err
}

// Names of tables.
const (
	viewsTable       = "sluice_views"
	generationsTable = "sluice_generations"
	schemasTable     = "sluice_schemas"
	// mostName leaves room for the number of a generation in the 63 bytes of a table's name.
	mostName = 40
)

// rowTable is the table of a generation's rows, as a statement has it.
func (o *Options) rowTable(name string, generation uint64) (string, error) {
	if err := native.CheckName(name); err != nil {
		return "", err
	}
	if len(name) > mostName {
		return "", fmt.Errorf("view %q: in PostgreSQL a name has at most %d letters", name, mostName)
	}
	return o.table("sluice_" + name + "_g" + strconv.FormatUint(generation, 10))
}
