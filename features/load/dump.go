package load

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// Group is the columns of the spec, as readers want them.
func (s *Spec) Group() *store.Group { return s.group }

// Key makes the key of an entity from texts, in the order of the spec's keys.
func (s *Spec) Key(texts []string) (key store.Key, err error) {
	if len(texts) != len(s.Keys) {
		return nil, fmt.Errorf("an entity of view %q has %d keys, and %d are given", s.View, len(s.Keys), len(texts))
	}
	for i, t := range texts {
		if key, err = appendKey(key, s.group.Keys[i].Type, cell{kind: text, text: []byte(t)}); err != nil {
			return nil, fmt.Errorf("key %q: %w", s.Keys[i].Name, err)
		}
	}
	return key, nil
}

// Text is a value of a row in the form in which files of text have it; empty if it is not present.
func Text(rows *store.Rows, key, column int) string {
	if rows.States(key)[column] != store.Present {
		return ""
	}
	g := rows.Group()
	at := 0
	for i := range column {
		at += g.Columns[i].Size()
	}
	c := &g.Columns[column]
	data := rows.Row(key)[at : at+c.Size()]
	if c.Width == 1 {
		return string(appendElement(nil, c.Type, data, 0))
	}
	list := []byte{'['}
	for i := range c.Width {
		if i > 0 {
			list = append(list, ',')
		}
		list = appendElement(list, c.Type, data, i)
	}
	return string(append(list, ']'))
}

func appendElement(dst []byte, kind tensor.DataType, data []byte, i int) []byte {
	size := kind.Size()
	switch {
	case kind == tensor.Bool:
		return strconv.AppendBool(dst, data[i] != 0)
	case kind.Unsigned():
		return strconv.AppendUint(dst, tensor.UintAt(kind, data[i*size:]), 10)
	case kind.Integer():
		return strconv.AppendInt(dst, tensor.IntAt(kind, data[i*size:]), 10)
	case kind == tensor.FP64:
		return strconv.AppendFloat(dst, tensor.FloatAt(kind, data, i), 'g', -1, 64)
	}
	return strconv.AppendFloat(dst, tensor.FloatAt(kind, data, i), 'g', -1, 32)
}

// Dump reads the entities of a file from a store, whatever its layout, and writes their rows as text, in the form that Load
// takes with the same spec. The file has the columns of keys; what else it has is not read. Entities that the store does not
// have are left out. The result counts the rows read and written.
func Dump(ctx context.Context, spec *Spec, path string, from store.Reader, to io.Writer, o Options) (r Result, err error) {
	o, err = o.complete()
	if err != nil {
		return r, err
	}
	f, err := os.Open(path)
	if err != nil {
		return r, fmt.Errorf("cannot read the keys: %w", err)
	}
	defer f.Close()
	names := spec.fields()
	src, err := openSource(f, names[:len(spec.Keys)])
	if err == nil {
		d := &dump{spec: spec, source: src, from: from, out: csv.NewWriter(to), result: &r}
		if err = d.out.Write(names); err == nil {
			err = d.run(ctx, o.ChunkRows)
		}
	}
	if err != nil {
		return r, fmt.Errorf("cannot dump the entities of %s from view %q: %w", path, spec.View, err)
	}
	return r, nil
}

// dump is one call of Dump.
type dump struct {
	spec   *Spec
	source source
	from   store.Reader
	out    *csv.Writer
	result *Result

	keys  []store.Key
	texts [][]string // the keys as the file has them
	seen  map[string]bool
	rows  store.Rows
	line  []string
}

func (d *dump) run(ctx context.Context, chunk int) error {
	d.seen = map[string]bool{}
	for {
		err := d.source.next()
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return fmt.Errorf("behind row %d: %w", d.result.Read, err)
		}
		if !end {
			if err := d.add(); err != nil {
				return fmt.Errorf("%s: %w", d.source.place(), err)
			}
		}
		if len(d.keys) == chunk || end && len(d.keys) > 0 {
			if err := d.write(ctx); err != nil {
				return err
			}
		}
		if end {
			d.out.Flush()
			return d.out.Error()
		}
	}
}

// add takes a row's keys. Reads want no key twice.
func (d *dump) add() (err error) {
	d.result.Read++
	var key store.Key
	var texts []string
	for i := range d.spec.Keys {
		c := d.source.cell(i)
		if key, err = appendKey(key, d.spec.group.Keys[i].Type, c); err != nil {
			return err
		}
		texts = append(texts, c.plain())
	}
	if !d.seen[string(key)] {
		d.seen[string(key)] = true
		d.keys, d.texts = append(d.keys, key), append(d.texts, texts)
	}
	return nil
}

// write reads the rows of the keys that were added, and writes those that are there.
func (d *dump) write(ctx context.Context) error {
	d.rows.Reset(d.spec.group, len(d.keys))
	if err := d.from.Read(ctx, d.from.Generation(), d.keys, &d.rows); err != nil {
		return err
	}
	for i := range d.keys {
		d.line = append(d.line[:0], d.texts[i]...)
		there := d.rows.Time(i) != 0
		for column, state := range d.rows.States(i) {
			there = there || state != store.Missing
			d.line = append(d.line, Text(&d.rows, i, column))
		}
		if !there {
			continue
		}
		if d.spec.Time != nil {
			d.line = append(d.line, timeText(d.rows.Time(i)))
		}
		if err := d.out.Write(d.line); err != nil {
			return err
		}
		d.result.Rows++
	}
	d.keys, d.texts = d.keys[:0], d.texts[:0]
	clear(d.seen)
	return nil
}

func timeText(ns int64) string {
	if ns == 0 {
		return ""
	}
	return time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
}
