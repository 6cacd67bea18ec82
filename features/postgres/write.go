package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"sluice/features/native"
	"sluice/features/store"
)

var (
	errNothing  = errors.New("nothing has been loaded")
	errNotBegun = errors.New("no load has been begun")
	errOther    = errors.New("another load of the view is under way")
)

// newer compares the bytes of the event time, which stand where package native says, in the order of time.
var newer = fmt.Sprintf("substr(t.payload, %d, %d) %%s substr(excluded.payload, %[1]d, %[2]d)", native.TimeAt+1, native.TimeEnd-native.TimeAt)

// insert writes rows into a generation, where what is there already is not newer.
func (w *Writer) insert(ctx context.Context, tx pgx.Tx, generation int64, rows []store.Record, unless string) error {
	table, err := w.o.rowTable(w.view, uint64(generation))
	if err != nil {
		return err
	}
	keys := appendBytes(nil, len(rows), func(i int) []byte { return rows[i].Key })
	values := appendBytes(nil, len(rows), func(i int) []byte { return rows[i].Value })
	_, err = withArrays(ctx, tx, "insert into "+table+" as t (entity_key, payload) select * from unnest($1::bytea[], $2::bytea[])"+
		" on conflict (entity_key) do update set payload = excluded.payload where "+fmt.Sprintf(newer, unless), keys, values).Close()
	return err
}

// withArrays carries out a statement whose parameters are arrays of bytea, in the binary form: as text they would be twice as
// long, and pgx has no other form for statements that are not prepared.
func withArrays(ctx context.Context, tx pgx.Tx, text string, params ...[]byte) *pgconn.ResultReader {
	types := []uint32{pgtype.ByteaArrayOID, pgtype.ByteaArrayOID}[:len(params)]
	return tx.Conn().PgConn().ExecParams(ctx, text, params, types, binaryForm, binaryForm)
}

// Write adds rows to the loading generation and counts them.
func (w *Writer) Write(ctx context.Context, from int64, rows []store.Record) error {
	return w.in(ctx, "write rows", func(tx pgx.Tx) error {
		if w.generation == 0 {
			return errNotBegun
		}
		tag, err := tx.Exec(ctx, "update "+w.o.own(generationsTable)+" set rows = rows + $4 where name = $1 and generation = $2 and rows = $3",
			w.view, int64(w.generation), from, int64(len(rows)))
		if err == nil && tag.RowsAffected() != 1 {
			err = errOther
		}
		if err != nil {
			return err
		}
		return w.insert(ctx, tx, int64(w.generation), rows, "<=")
	})
}

// Read reads rows of the loading generation back.
func (w *Writer) Read(ctx context.Context, keys [][]byte, each func(i int, value []byte)) error {
	table, err := w.o.rowTable(w.view, w.generation)
	if err != nil {
		return err
	}
	return w.in(ctx, "read rows back", func(tx pgx.Tx) error {
		rows := withArrays(ctx, tx, "select entity_key, payload from "+table+" where entity_key = any($1)",
			appendBytes(nil, len(keys), func(i int) []byte { return keys[i] }))
		for rows.NextRow() {
			fields := rows.Values()
			if i, found := slices.BinarySearchFunc(keys, fields[0], bytes.Compare); found {
				each(i, fields[1])
			}
		}
		_, err := rows.Close()
		return err
	})
}

// Flip makes the loading generation the visible one.
func (w *Writer) Flip(ctx context.Context) error {
	return w.in(ctx, "make a generation visible", func(tx pgx.Tx) error {
		v, err := w.state(ctx, tx, "update")
		switch {
		case err != nil:
			return err
		case w.generation == 0:
			return errNotBegun
		case v.visible == int64(w.generation): // a flip whose answer was lost
			return nil
		case v.loading != int64(w.generation):
			return errOther
		}
		v.previous, v.visible, v.loading = v.visible, v.loading, 0
		return w.turn(ctx, tx, v)
	})
}

// Rollback makes the previous generation visible again.
func (w *Writer) Rollback(ctx context.Context) error {
	return w.in(ctx, "go back to the previous generation", func(tx pgx.Tx) error {
		v, err := w.state(ctx, tx, "update")
		if err != nil {
			return err
		}
		if v.previous == 0 {
			return errors.New("there is none")
		}
		v.previous, v.visible = v.visible, v.previous
		return w.turn(ctx, tx, v)
	})
}

// turn sets which generation is visible, and notes since when the other one is not.
func (w *Writer) turn(ctx context.Context, tx pgx.Tx, v state) error {
	if err := w.setState(ctx, tx, v); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "update "+w.o.own(generationsTable)+
		" set retired = case when generation = $2 then null else now() end where name = $1 and generation in ($2, $3)", w.view, v.visible, v.previous)
	return err
}

// Upsert writes rows to the visible and to the loading generation.
func (w *Writer) Upsert(ctx context.Context, schema *native.Schema, rows []store.Record) error {
	return w.in(ctx, "upsert rows", func(tx pgx.Tx) error {
		v, err := w.state(ctx, tx, "share") // no generation comes or goes until the rows are in all
		if err != nil {
			return err
		}
		if v.visible == 0 && v.loading == 0 {
			return errNothing
		}
		if err = w.keep(ctx, tx, schema); err != nil {
			return err
		}
		for _, generation := range []int64{v.visible, v.loading} {
			if generation == 0 {
				continue
			}
			if err = w.insert(ctx, tx, generation, rows, "<"); err != nil {
				return err
			}
		}
		return nil
	})
}
