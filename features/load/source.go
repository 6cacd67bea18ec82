package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sluice/features/store"
)

// source gives the rows of a file, one by one.
type source interface {
	// next goes to the next row; there is none if it returns io.EOF.
	next() error
	// cell is a value of the row: of the field with that number among those that the source was opened with.
	cell(field int) cell
	// place names the row for errors: "line 7".
	place() string
}

// openSource opens a file as what its name says it is.
func openSource(f *os.File, fields []string, pageBytes int) (source, error) {
	switch ext := filepath.Ext(f.Name()); ext {
	case ".csv":
		return openCSV(f, fields)
	case ".parquet":
		return openParquet(f, fields, pageBytes)
	default:
		return nil, fmt.Errorf("its name ends with %q: it must be .parquet or .csv", ext)
	}
}

// reader turns the rows of a file into records.
type reader struct {
	spec   *Spec
	source source
	rows   store.Rows
	key    store.Key
	value  []byte
	n      int64 // rows read
}

func newReader(f *os.File, s *Spec, pageBytes int) (*reader, error) {
	src, err := openSource(f, s.Fields(), pageBytes)
	if err != nil {
		return nil, err
	}
	return &reader{spec: s, source: src}, nil
}

// next is the record of the next row, good until the one after it; io.EOF if there is none.
func (r *reader) next(ctx context.Context) (store.Record, error) {
	if r.n%1024 == 0 && ctx.Err() != nil {
		return store.Record{}, ctx.Err()
	}
	if err := r.source.next(); err != nil {
		if errors.Is(err, io.EOF) {
			return store.Record{}, io.EOF
		}
		return store.Record{}, fmt.Errorf("behind row %d: %w", r.n, err)
	}
	r.n++
	field := 0
	at := func(err error) (store.Record, error) {
		return store.Record{}, fmt.Errorf("%s, column %q: %w", r.source.place(), r.spec.Fields()[field], err)
	}
	r.key = r.key[:0]
	for i := range r.spec.group.Keys {
		var err error
		if r.key, err = appendKey(r.key, r.spec.group.Keys[i].Type, r.source.cell(field)); err != nil {
			return at(err)
		}
		field++
	}
	r.rows.Reset(r.spec.group, 1)
	for i := range r.spec.group.Columns {
		if err := set(&r.rows, i, r.source.cell(field)); err != nil {
			return at(err)
		}
		field++
	}
	if r.spec.Time != nil {
		ns, err := r.source.cell(field).nanos(units[r.spec.Time.Unit])
		if err != nil {
			return at(err)
		}
		r.rows.SetTime(0, ns)
	}
	r.value = r.spec.schema.Append(r.value[:0], &r.rows, 0)
	return store.Record{Key: r.key, Value: r.value}, nil
}

// identify names a source: what the file holds and what the spec makes of it.
func identify(ctx context.Context, f *os.File, s *Spec) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %q %q", s.schema.Record(), s.Fields(), filepath.Ext(f.Name()))
	for _, k := range s.group.Keys {
		fmt.Fprintf(h, " %q %s", k.Name, k.Type)
	}
	if s.Time != nil {
		fmt.Fprintf(h, " %q", s.Time.Unit)
	}
	if _, err := io.Copy(h, &contextReader{ctx, f}); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no place for it
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
