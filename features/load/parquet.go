package load

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"sluice/internal/tensor"
)

// parquetSource is a Parquet file of flat columns and lists.
type parquetSource struct {
	pages   pages
	columns []*parquet.Column // that are read
	groups  []parquet.RowGroup
	group   int          // the next one
	rows    parquet.Rows // of the row group that is being read; nil before the first and behind the last
	buffer  []parquet.Row
	ahead   []parquet.Row // of the buffer, not given yet
	leaves  []leaf        // by column of the file
	cells   []cell        // by field, of the row
	lists   [][]cell      // the memory of the lists among them
	n       int64
}

// leaf is a column of the file.
type leaf struct {
	fields   []int // that are read from it
	kind     parquet.Kind
	unsigned bool
	half     bool
	unit     int64 // of a time, in nanoseconds; 0 if it is none
}

const rowsAhead = 64

func openParquet(f *os.File, fields []string, pageBytes int) (src source, err error) {
	defer guard(debug.SetPanicOnFault(true), &err)
	about, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkFooter(f, about.Size(), int64(pageBytes)); err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f, about.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, fmt.Errorf("it is no whole Parquet file: %w", err)
	}
	s := &parquetSource{
		pages:  pages{file: f, size: about.Size(), limit: int64(pageBytes), about: file.Metadata()},
		groups: file.RowGroups(), buffer: make([]parquet.Row, rowsAhead),
		cells: make([]cell, len(fields)), lists: make([][]cell, len(fields)), leaves: make([]leaf, len(file.Schema().Columns())),
	}
	for i, name := range fields {
		at, err := column(file.Root(), name)
		if err != nil {
			return nil, err
		}
		l := &s.leaves[at.Index()]
		if len(l.fields) == 0 {
			s.columns = append(s.columns, at)
		}
		l.fields, l.kind = append(l.fields, i), at.Type().Kind()
		l.learn(at.Type())
	}
	return s, nil
}

// guard turns a panic of the library, and a fault in memory, which some damaged files cause, into an error. What calls the library
// defers it, with debug.SetPanicOnFault(true) as its argument.
func guard(panicked bool, err *error) {
	debug.SetPanicOnFault(panicked)
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("it is damaged: reading it panicked: %v", cause)
	}
}

// column is the leaf of a top-level column: itself, or the elements of the list that it is.
func column(root *parquet.Column, name string) (*parquet.Column, error) {
	c := root.Column(name)
	if c == nil {
		return nil, fmt.Errorf("it has no column %q", name)
	}
	for depth := 0; !c.Leaf(); depth++ {
		if len(c.Columns()) != 1 || depth == 2 {
			return nil, fmt.Errorf("its column %q is neither a value nor a list of values", name)
		}
		c = c.Columns()[0]
	}
	return c, nil
}

// learn takes from a column's logical type what its values are.
func (l *leaf) learn(t parquet.Type) {
	if logical := t.LogicalType(); logical != nil {
		switch v := logical.Value.(type) {
		case *format.IntType:
			l.unsigned = !v.IsSigned
		case *format.Float16Type:
			l.half = true
		case *format.TimestampType:
			if v.Unit.Value != nil {
				l.unit = int64(v.Unit.Value.Duration())
			}
		}
		return
	}
	if old := t.ConvertedType(); old != nil {
		switch *old {
		case deprecated.TimestampMillis:
			l.unit = int64(time.Millisecond)
		case deprecated.TimestampMicros:
			l.unit = int64(time.Microsecond)
		case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
			l.unsigned = true
		}
	}
}

func (s *parquetSource) next() (err error) {
	defer guard(debug.SetPanicOnFault(true), &err)
	for len(s.ahead) == 0 {
		if s.rows == nil {
			if s.group == len(s.groups) {
				return io.EOF
			}
			if err := s.open(); err != nil {
				return err
			}
		}
		n, err := s.rows.ReadRows(s.buffer)
		s.ahead = s.buffer[:n]
		if err != nil {
			err = errors.Join(dropEOF(err), s.rows.Close())
			s.rows = nil
		}
		if err != nil {
			return err
		}
	}
	s.take(s.ahead[0])
	s.ahead = s.ahead[1:]
	s.n++
	return nil
}

// open goes on to the next row group. The columns that nobody wants are not read.
func (s *parquetSource) open() error {
	if err := s.pages.group(s.group, s.columns); err != nil {
		return err
	}
	all := s.groups[s.group]
	some := &someColumns{RowGroup: all}
	for _, c := range s.columns {
		some.chunks = append(some.chunks, all.ColumnChunks()[c.Index()])
	}
	s.rows = parquet.NewRowGroupRowReader(some)
	s.group++
	return nil
}

// someColumns is a row group with some of its columns.
type someColumns struct {
	parquet.RowGroup
	chunks []parquet.ColumnChunk
}

// ColumnChunks are those columns.
func (s *someColumns) ColumnChunks() []parquet.ColumnChunk { return s.chunks }

func dropEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// take makes cells of a row, in which the values of one column stand together.
func (s *parquetSource) take(row parquet.Row) {
	clear(s.cells)
	for len(row) > 0 {
		at, n := row[0].Column(), 1
		for n < len(row) && row[n].Column() == at {
			n++
		}
		values := row[:n]
		row = row[n:]
		l := &s.leaves[at]
		for _, field := range l.fields {
			if n == 1 {
				s.cells[field] = l.cell(values[0])
				continue
			}
			elements := s.lists[field][:0]
			for _, v := range values {
				elements = append(elements, l.cell(v))
			}
			s.lists[field] = elements
			s.cells[field] = cell{kind: list, list: elements}
		}
	}
}

func (l *leaf) cell(v parquet.Value) cell {
	if v.IsNull() {
		return cell{}
	}
	switch l.kind {
	case parquet.Boolean:
		c := cell{kind: truth}
		if v.Boolean() {
			c.whole = 1
		}
		return c
	case parquet.Int32:
		if l.unsigned {
			return cell{kind: whole, whole: int64(v.Uint32())}
		}
		return cell{kind: whole, whole: int64(v.Int32())}
	case parquet.Int64:
		return l.long(v)
	case parquet.Int96:
		const julian = 2_440_588 // 1970-01-01 in days of that calendar
		i := v.Int96()
		return cell{kind: instant, whole: (int64(i[2])-julian)*int64(24*time.Hour) + int64(uint64(i[1])<<32|uint64(i[0]))}
	case parquet.Float:
		return cell{kind: number, number: float64(v.Float())}
	case parquet.Double:
		return cell{kind: number, number: v.Double()}
	}
	raw := v.ByteArray()
	if l.half && len(raw) == 2 {
		return cell{kind: number, number: tensor.FloatAt(tensor.FP16, raw, 0)}
	}
	return cell{kind: text, text: raw}
}

// long is a whole number of 64 bits, or a time.
func (l *leaf) long(v parquet.Value) cell {
	switch n := v.Int64(); {
	case l.unsigned && v.Uint64() > math.MaxInt64:
		return cell{kind: unusable}
	case l.unit == 0:
		return cell{kind: whole, whole: n}
	case n > math.MaxInt64/l.unit || n < math.MinInt64/l.unit:
		return cell{kind: unusable}
	default:
		return cell{kind: instant, whole: n * l.unit}
	}
}

func (s *parquetSource) cell(field int) cell { return s.cells[field] }

func (s *parquetSource) place() string { return "row " + strconv.FormatInt(s.n, 10) }
