package table

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/remedy"
)

// File is a file that is being read.
type File struct {
	file    *os.File
	parquet *parquet.File
}

// Open opens a file of the prediction log.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, remedy.Named(err))
	}
	p, err := openParquet(f)
	if err == nil {
		version, there := p.Lookup(schemaKey)
		err = checkSchema(version, there)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, errors.Join(err, f.Close()))
	}
	return &File{file: f, parquet: p}, nil
}

// openParquet reads what stands at the end of a Parquet file.
func openParquet(f *os.File) (p *parquet.File, err error) {
	about, err := f.Stat()
	if err != nil {
		return nil, err
	}
	err = guarded(func() (err error) {
		p, err = parquet.OpenFile(f, about.Size())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("it is no whole Parquet file: %w", err)
	}
	return p, nil
}

// guarded calls what reads a file with the library, which panics over some files that are damaged.
func guarded(read func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it is damaged: reading it panicked: %v", cause)
		}
	}()
	return read()
}

// guarded says of which file that is.
func (f *File) guarded(read func() error) error {
	var stopped error // what read itself has returned names the file
	err := guarded(func() error {
		stopped = read()
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", f.file.Name(), err)
	}
	return stopped
}

// Close ends reading.
func (f *File) Close() error { return f.file.Close() }

// Numbers are those that go with the file.
func (f *File) Numbers() Numbers {
	n := Numbers{}
	for _, pair := range f.parquet.Metadata().KeyValueMetadata {
		name, ours := strings.CutPrefix(pair.Key, metadataPrefix)
		if v, err := strconv.ParseUint(pair.Value, 10, 64); ours && err == nil && pair.Key != schemaKey {
			n[name] = v
		}
	}
	return n
}

// readRows is how many rows are read at a time.
const readRows = 128

// Rows calls visit with each row, in order, until it returns an error. A row is good until visit returns.
func (f *File) Rows(visit func(*Row) error) error {
	return f.guarded(func() error { return f.rows(visit) })
}

func (f *File) rows(visit func(*Row) error) (err error) {
	r := parquet.NewGenericReader[Row](f.parquet)
	defer func() { err = errors.Join(err, r.Close()) }()
	rows := make([]Row, readRows)
	for {
		clear(rows)
		n, err := r.Read(rows)
		for i := range rows[:n] {
			if err := visit(&rows[i]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("cannot read the rows of %s: %w", f.file.Name(), err)
		}
	}
}

// Find calls visit with each row that has the id. Row groups whose filter rules the id out are not read, of
// the others the column of ids and the row alone.
func (f *File) Find(id string, visit func(*Row) error) error {
	return f.guarded(func() error { return f.find(id, visit) })
}

func (f *File) find(id string, visit func(*Row) error) error {
	column, there := f.parquet.Schema().Lookup("id")
	if !there {
		return fmt.Errorf("%s has no column of ids", f.file.Name())
	}
	wanted := parquet.ByteArrayValue([]byte(id))
	for _, group := range f.parquet.RowGroups() {
		chunk := group.ColumnChunks()[column.ColumnIndex]
		if filter := chunk.BloomFilter(); filter != nil {
			if may, err := filter.Check(wanted); err == nil && !may {
				continue
			}
		}
		at, err := places(chunk, id)
		if err != nil {
			return fmt.Errorf("cannot read the ids of %s: %w", f.file.Name(), err)
		}
		if err := visitAt(group, at, visit); err != nil {
			return err
		}
	}
	return nil
}

// places are the rows of a row group that have the id.
func places(chunk parquet.ColumnChunk, id string) (at []int64, err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	values, row := make([]parquet.Value, readRows), int64(0)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return at, nil
		} else if err != nil {
			return nil, err
		}
		for r := page.Values(); ; {
			n, err := r.ReadValues(values)
			for _, v := range values[:n] {
				if string(v.ByteArray()) == id {
					at = append(at, row)
				}
				row++
			}
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				parquet.Release(page)
				return nil, err
			}
		}
		parquet.Release(page)
	}
}

func visitAt(group parquet.RowGroup, at []int64, visit func(*Row) error) (err error) {
	if len(at) == 0 {
		return nil
	}
	r := parquet.NewGenericRowGroupReader[Row](group)
	defer func() { err = errors.Join(err, r.Close()) }()
	for _, row := range at {
		one := make([]Row, 1)
		if err := r.SeekToRow(row); err != nil {
			return fmt.Errorf("cannot reach row %d: %w", row, err)
		}
		if n, err := r.Read(one); n != 1 {
			return fmt.Errorf("cannot read row %d: %w", row, err)
		}
		if err := visit(&one[0]); err != nil {
			return err
		}
	}
	return nil
}
