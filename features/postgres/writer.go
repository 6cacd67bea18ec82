package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluice/features/native"
	"sluice/features/store"
)

// Writer writes the generations of one view in the native layout, over one connection. It is the loader's writer.
type Writer struct {
	o    Options
	view string
	conn *pgx.Conn // nil until it is needed

	generation uint64 // the loading one
}

// NewWriter makes the writer of a view. It connects when it is first used.
func NewWriter(o Options, view string) (*Writer, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if _, err := o.rowTable(view, 1); err != nil {
		return nil, err
	}
	if _, err := pgx.ParseConfig(o.URL); err != nil {
		return nil, fmt.Errorf("cannot use the store's url: %w", err)
	}
	return &Writer{o: o, view: view}, nil
}

// Close ends the connection.
func (w *Writer) Close() error {
	if w.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectLimit)
	defer cancel()
	return w.conn.Close(ctx)
}

func (w *Writer) connect(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	c, err := pgx.ParseConfig(w.o.URL)
	if err != nil {
		return err
	}
	w.o.connConfig(c)
	if err := w.o.password(c); err != nil {
		return err
	}
	w.conn, err = pgx.ConnectConfig(ctx, c)
	return err
}

// repeats is how often a transaction is begun anew when the server asks for that.
const repeats = 10

// in runs do in a transaction. An error means that nothing of it was done, or that nobody knows, where the connection broke
// while it was committed: every method may be called again then.
func (w *Writer) in(ctx context.Context, what string, do func(tx pgx.Tx) error) error {
	var err error
	for range repeats {
		if err = w.connect(ctx); err != nil {
			break
		}
		if err = pgx.BeginFunc(ctx, w.conn, do); !isState(err, sqlRepeat) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("cannot %s of view %q: %w", what, w.view, err)
	}
	return nil
}

// state is the row of the view, locked until the transaction ends.
type state struct{ visible, previous, loading, last int64 }

func (w *Writer) state(ctx context.Context, tx pgx.Tx, lock string) (v state, err error) {
	err = tx.QueryRow(ctx, "select visible, previous, loading, last from "+w.o.own(viewsTable)+" where name = $1 for "+lock, w.view).
		Scan(&v.visible, &v.previous, &v.loading, &v.last)
	if errors.Is(err, pgx.ErrNoRows) || isState(err, sqlUndefined) {
		return v, errNothing
	}
	return v, err
}

func (w *Writer) setState(ctx context.Context, tx pgx.Tx, v state) error {
	_, err := tx.Exec(ctx, "update "+w.o.own(viewsTable)+" set visible = $2, previous = $3, loading = $4, last = $5 where name = $1",
		w.view, v.visible, v.previous, v.loading, v.last)
	return err
}

// Begin resumes the load of a source, or begins a generation for it.
func (w *Writer) Begin(ctx context.Context, source string, schema *native.Schema) (at store.Standing, err error) {
	if err = w.in(ctx, "make the tables", func(tx pgx.Tx) error { return w.prepare(ctx, tx) }); err != nil {
		return at, err
	}
	err = w.in(ctx, "begin a generation", func(tx pgx.Tx) error {
		v, err := w.state(ctx, tx, "update")
		if err != nil {
			return err
		}
		if err = w.keep(ctx, tx, schema); err != nil {
			return err
		}
		for _, generation := range []int64{v.visible, v.loading} {
			if at, err = w.standing(ctx, tx, generation, source); err != nil || at.Generation != 0 {
				at.Visible = generation == v.visible
				return err
			}
		}
		if v, err = w.clear(ctx, tx, v); err != nil {
			return err
		}
		v.last++
		v.loading = v.last
		at = store.Standing{Generation: uint64(v.loading)}
		return w.create(ctx, tx, v, source, schema)
	})
	w.generation = at.Generation
	return at, err
}

// prepare makes the tables that all views share.
func (w *Writer) prepare(ctx context.Context, tx pgx.Tx) error {
	for _, statement := range []string{
		"create table if not exists " + w.o.own(viewsTable) + " (name text primary key, visible bigint not null default 0," +
			" previous bigint not null default 0, loading bigint not null default 0, last bigint not null default 0)",
		"create table if not exists " + w.o.own(generationsTable) + " (name text, generation bigint, source text not null," +
			" schema bigint not null, rows bigint not null default 0, retired timestamptz, primary key (name, generation))",
		"create table if not exists " + w.o.own(schemasTable) + " (name text, hash bigint, record bytea not null, primary key (name, hash))",
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "insert into "+w.o.own(viewsTable)+" (name) values ($1) on conflict do nothing", w.view)
	return err
}

// keep keeps the record of a schema.
func (w *Writer) keep(ctx context.Context, tx pgx.Tx, schema *native.Schema) error {
	_, err := tx.Exec(ctx, "insert into "+w.o.own(schemasTable)+" (name, hash, record) values ($1, $2, $3) on conflict do nothing",
		w.view, int64(schema.Hash()), schema.Record())
	return err
}

// standing is how far a generation has come, if it is of the source.
func (w *Writer) standing(ctx context.Context, tx pgx.Tx, generation int64, source string) (at store.Standing, err error) {
	err = tx.QueryRow(ctx, "select generation, rows from "+w.o.own(generationsTable)+" where name = $1 and generation = $2 and source = $3",
		w.view, generation, source).Scan(&at.Generation, &at.Rows)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Standing{}, nil
	}
	return at, err
}

// clear drops the generations that are of no more use: an unfinished load's, and those that have not been visible for so
// long that no reader is still at them.
func (w *Writer) clear(ctx context.Context, tx pgx.Tx, v state) (state, error) {
	rows, err := tx.Query(ctx, "select generation from "+w.o.own(generationsTable)+
		" where name = $1 and generation <> $2 and (retired is null or retired < now() - $3::bigint * interval '1 second')",
		w.view, v.visible, int64(native.KeepSeconds))
	if err != nil {
		return v, err
	}
	dead, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return v, err
	}
	for _, generation := range dead {
		table, err := w.o.rowTable(w.view, uint64(generation))
		if err != nil {
			return v, err
		}
		if _, err = tx.Exec(ctx, "drop table if exists "+table); err != nil {
			return v, err
		}
		if _, err = tx.Exec(ctx, "delete from "+w.o.own(generationsTable)+" where name = $1 and generation = $2", w.view, generation); err != nil {
			return v, err
		}
		if generation == v.previous {
			v.previous = 0
		}
	}
	return v, nil
}

// create makes the loading generation.
func (w *Writer) create(ctx context.Context, tx pgx.Tx, v state, source string, schema *native.Schema) error {
	table, err := w.o.rowTable(w.view, uint64(v.loading))
	if err != nil {
		return err
	}
	if _, err = tx.Exec(ctx, "create table "+table+" (entity_key bytea primary key, payload bytea not null)"); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "insert into "+w.o.own(generationsTable)+" (name, generation, source, schema) values ($1, $2, $3, $4)",
		w.view, v.loading, source, int64(schema.Hash()))
	if err != nil {
		return err
	}
	return w.setState(ctx, tx, v)
}
