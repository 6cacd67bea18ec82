package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"sluice/features/feast"
	"sluice/features/store"
)

// feastReader reads a group from the table of a feature view.
type feastReader struct {
	store *Store
	query *query
	keys  *feast.Keys
}

func (s *Store) feastReader(g *store.Group) (store.Reader, error) {
	table, err := s.o.table(s.o.Project + "_" + g.View)
	if err != nil {
		return nil, fmt.Errorf("group %q: its table is that of the project and the view: %w", g.Name, err)
	}
	f := newFeatures(g)
	statement := "select entity_key, feature_name, value, event_ts from " + table + "%s where entity_key = any($1) and feature_name = any($2)"
	return &feastReader{
		store: s,
		keys:  feast.NewKeys(g, s.o.Keys, ""),
		query: &query{
			name: g.Name, text: fmt.Sprintf(statement, ""), replica: replica(g, statement), columns: 4, time: 3, names: f.array(), put: f.put,
		},
	}, nil
}

// Generation is 0: Feast replaces values one by one.
func (r *feastReader) Generation() uint64 { return 0 }

func (r *feastReader) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	return r.store.read(ctx, r.query, r.keys.Append, keys, into)
}

// features finds the column of a feature by its name.
type features struct {
	names   []string // sorted
	columns []int
}

func newFeatures(g *store.Group) *features {
	f := &features{}
	for i := range g.Columns {
		f.columns = append(f.columns, i)
	}
	slices.SortFunc(f.columns, func(a, b int) int { return strings.Compare(g.Columns[a].Name, g.Columns[b].Name) })
	for _, i := range f.columns {
		f.names = append(f.names, g.Columns[i].Name)
	}
	return f
}

// array is the names as the server's array of text.
func (f *features) array() []byte {
	dst := appendArray(nil, pgtype.TextOID, len(f.names))
	for _, name := range f.names {
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(name))), name...)
	}
	return dst
}

// put takes a row: key, name, value, time.
func (f *features) put(into *store.Rows, key int, fields [][]byte) error {
	at, found := slices.BinarySearchFunc(f.names, fields[1], func(have string, want []byte) int {
		switch { // strings.Compare would copy the name
		case have < string(want):
			return -1
		case have > string(want):
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	// Several columns may be of one feature.
	for ; at < len(f.names) && f.names[at] == string(fields[1]); at++ {
		feast.Put(into, key, f.columns[at], fields[2])
	}
	into.SetOldest(key, timeOf(fields[3]))
	return nil
}

// epoch is that of the server's times, in microseconds since 1970.
const epoch = 946_684_800_000_000

// timeOf reads a timestamp as nanoseconds since 1970; 0 if there is none, or it is infinite or does not fit.
func timeOf(field []byte) int64 {
	if len(field) != 8 {
		return 0
	}
	const most = math.MaxInt64/1000 - epoch
	us := int64(binary.BigEndian.Uint64(field))
	if us > most || us < -most {
		return 0
	}
	return (us + epoch) * 1000
}

// replica is a statement, in which %s stands behind the table, for the nearest replica: it may be some five seconds behind.
func replica(g *store.Group, statement string) string {
	if g.MaxAge < replicaAge {
		return ""
	}
	return fmt.Sprintf(statement, " as of system time follower_read_timestamp()")
}
