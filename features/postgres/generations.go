package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice/features/native"
	"sluice/features/store"
)

// generations is what is known of the views that are read.
type generations struct {
	wake chan struct{} // takes one value
	stop chan struct{}
	mu   struct {
		sync.Mutex
		views map[string]*view
		asked bool  // the server has answered
		err   error // why it did not, the last time
	}
}

// view is one of them.
type view struct {
	name    string
	visible atomic.Pointer[visible]
	// schemas are those that its rows have. The list is replaced, under the mutex, and never changed.
	schemas atomic.Pointer[[]*native.Schema]
}

// visible is a generation that readers are to read.
type visible struct {
	generation uint64
	schema     int64 // the hash of that of its load
}

func (g *generations) begin() {
	g.wake, g.stop = make(chan struct{}, 1), make(chan struct{})
	g.mu.views = map[string]*view{}
}

func (g *generations) end() { close(g.stop) }

// view is a reader's view.
func (g *generations) view(name string) *view {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := g.mu.views[name]
	if v == nil {
		v = &view{name: name}
		v.visible.Store(&visible{})
		v.schemas.Store(&[]*native.Schema{})
		g.mu.views[name] = v
	}
	g.hurry()
	return v
}

// hurry has the server asked at once.
func (g *generations) hurry() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// none says why a group has no generation.
func (g *generations) none(group *store.Group) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.mu.err != nil:
		return fmt.Errorf("cannot ask for the generation of group %q: %w", group.Name, g.mu.err)
	case g.mu.asked:
		return fmt.Errorf("group %q: nothing has been loaded for view %q: sluice features load does that", group.Name, group.View)
	}
	return fmt.Errorf("the generation of group %q is not known yet", group.Name)
}

// watch asks for the visible generations until the store is closed.
func (s *Store) watch(ctx context.Context) {
	g := &s.generations
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	for {
		limit, cancel := context.WithTimeout(ctx, connectLimit)
		err := s.look(limit)
		cancel()
		g.mu.Lock()
		g.mu.err = err
		g.mu.Unlock()
		select {
		case <-tick.C:
		case <-g.wake:
		case <-g.stop:
			return
		}
	}
}

// look asks once.
func (s *Store) look(ctx context.Context) error {
	g := &s.generations
	g.mu.Lock()
	// What is known is known of a view: another one may have rows of the same schema.
	names, knownOf, known := make([]string, 0, len(g.mu.views)), []string{}, []int64{}
	for name, v := range g.mu.views {
		names = append(names, name)
		for _, schema := range *v.schemas.Load() {
			knownOf, known = append(knownOf, name), append(known, int64(schema.Hash()))
		}
	}
	g.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	shown := map[string]visible{}
	var learned []schemaRow
	b := &pgx.Batch{}
	b.Queue("select v.name, v.visible, g.schema from "+s.o.own(viewsTable)+" v join "+s.o.own(generationsTable)+
		" g on g.name = v.name and g.generation = v.visible where v.name = any($1)", names).Query(func(rows pgx.Rows) error {
		var name string
		var generation, schema int64
		_, err := pgx.ForEachRow(rows, []any{&name, &generation, &schema}, func() error {
			shown[name] = visible{uint64(generation), schema}
			return nil
		})
		return err
	})
	b.Queue("select name, record from "+s.o.own(schemasTable)+
		" where name = any($1) and (name, hash) not in (select * from unnest($2::text[], $3::bigint[]))", names, knownOf, known).
		Query(func(rows pgx.Rows) (err error) {
			learned, err = pgx.CollectRows(rows, pgx.RowToStructByPos[schemaRow])
			return err
		})
	err := s.pool.SendBatch(ctx, b).Close()
	if err != nil && !isState(err, sqlUndefined) { // nothing was loaded yet
		return err
	}
	return g.seen(shown, learned)
}

// schemaRow is a row of the table of schemas.
type schemaRow struct {
	Name   string
	Record []byte
}

// seen takes what the server has said: first the schemas, since the rows of a generation need them.
func (g *generations) seen(shown map[string]visible, learned []schemaRow) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.asked = true
	var first error
	for _, row := range learned {
		schema, err := native.ParseSchema(row.Record)
		if err != nil {
			first = fmt.Errorf("view %q: %w", row.Name, err)
			continue
		}
		v := g.mu.views[row.Name]
		schemas := append(slices.Clip(*v.schemas.Load()), schema)
		v.schemas.Store(&schemas)
	}
	for name, v := range g.mu.views {
		if now := shown[name]; *v.visible.Load() != now {
			v.visible.Store(&now)
		}
	}
	return first
}

// own is one of the store's own tables, as a statement has it.
func (o *Options) own(table string) string { return `"` + o.Schema + `".` + table }
