package table

import (
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// FlatKind is how the elements of a flattened tensor are written.
type FlatKind uint8

// The kinds. FlatInt holds every integer but UINT64.
const (
	FlatBool FlatKind = iota
	FlatInt
	FlatUint
	FlatFloat
	FlatDouble
	FlatBytes
	// FlatText and FlatNatural have no shape: an element for each row. A 0 of FlatNatural is null.
	FlatText
	FlatNatural
)

var flatNodes = [...]func() parquet.Node{
	FlatBool:   func() parquet.Node { return parquet.Leaf(parquet.BooleanType) },
	FlatInt:    func() parquet.Node { return parquet.Int(64) },
	FlatUint:   func() parquet.Node { return parquet.Uint(64) },
	FlatFloat:  func() parquet.Node { return parquet.Leaf(parquet.FloatType) },
	FlatDouble: func() parquet.Node { return parquet.Leaf(parquet.DoubleType) },
	FlatBytes:  func() parquet.Node { return parquet.Leaf(parquet.ByteArrayType) },

	FlatText:    parquet.String,
	FlatNatural: func() parquet.Node { return parquet.Optional(parquet.Int(64)) },
}

// FlatColumn is a tensor of a flattened file: a list of elements, null in a row that has none, and beside it
// NAME.shape. It may also be what is said of a filled column, which has no shape.
type FlatColumn struct {
	Name string
	Kind FlatKind
}

// names are the columns that it takes.
func (c *FlatColumn) names() []string {
	if c.Kind >= FlatText {
		return []string{c.Name}
	}
	return []string{c.Name, c.Name + shapeSuffix}
}

// FlatValue is a row's tensor: its elements in the list of its kind, Ints for bools and integers.
type FlatValue struct {
	There  bool
	Shape  []int64
	Ints   []int64
	Floats []float64
	Bytes  [][]byte
}

const shapeSuffix = ".shape"

// Flat writes a file with a column for each tensor, beside those of a Row that are no tensors.
type Flat struct {
	out     *parquet.GenericWriter[any]
	columns []FlatColumn
	at      []int // of each column's elements
	shapes  []int // of each column's shape; -1 if it has none
	scalars []scalar
	labels  *Labels // nil in a file without
	rowAt   int     // of the number of a request's row, beside labels
	labelAt []int   // of each label
	defined []int   // by column: the level of an element that is there
	row     parquet.Row
	parts   [][]parquet.Value // by column
}

// scalar is a column of a Row.
type scalar struct {
	name string
	node parquet.Node
	of   func(*Row) parquet.Value
	at   int
}

func text(of func(*Row) string) (parquet.Node, func(*Row) parquet.Value) {
	return parquet.String(), func(r *Row) parquet.Value { return parquet.ByteArrayValue([]byte(of(r))) }
}

func optionalText(of func(*Row) *string) (parquet.Node, func(*Row) parquet.Value) {
	return parquet.Optional(parquet.String()), func(r *Row) parquet.Value {
		if s := of(r); s != nil {
			return parquet.ByteArrayValue([]byte(*s))
		}
		return parquet.Value{}
	}
}

func number(of func(*Row) int64) (parquet.Node, func(*Row) parquet.Value) {
	return parquet.Int(64), func(r *Row) parquet.Value { return parquet.Int64Value(of(r)) }
}

// scalars are the columns of every flattened file.
func scalars() (list []scalar) {
	put := func(name string) func(parquet.Node, func(*Row) parquet.Value) {
		return func(node parquet.Node, of func(*Row) parquet.Value) {
			list = append(list, scalar{name: name, node: node, of: of})
		}
	}
	put("id")(text(func(r *Row) string { return r.ID }))
	put("time")(parquet.Timestamp(parquet.Microsecond), func(r *Row) parquet.Value { return parquet.Int64Value(r.Time.Round(time.Microsecond).UnixMicro()) })
	put("model")(text(func(r *Row) string { return r.Model }))
	put("version")(text(func(r *Row) string { return r.Version }))
	put("digest")(text(func(r *Row) string { return r.Digest }))
	put("unit_hash")(parquet.Optional(parquet.Uint(64)), func(r *Row) parquet.Value {
		if r.UnitHash == nil {
			return parquet.Value{}
		}
		return parquet.Int64Value(int64(*r.UnitHash)) //nolint:gosec // the bits of an unsigned column
	})
	put("exposure")(optionalText(func(r *Row) *string { return r.Exposure }))
	put("role")(optionalText(func(r *Row) *string { return r.Role }))
	put("device")(text(func(r *Row) string { return r.Device }))
	put("rows")(number(func(r *Row) int64 { return int64(r.Rows) }))
	put("status")(text(func(r *Row) string { return r.Status }))
	put("late")(parquet.Leaf(parquet.BooleanType), func(r *Row) parquet.Value { return parquet.BooleanValue(r.Late) })
	put("total_ns")(number(func(r *Row) int64 { return r.TotalNS }))
	put("weight")(parquet.Leaf(parquet.DoubleType), func(r *Row) parquet.Value { return parquet.DoubleValue(r.Weight) })
	put("kept_for")(text(func(r *Row) string { return r.KeptFor }))
	return list
}

// rowName is the column of the number of a request's row.
const rowName = "row"

// NewFlat begins a flattened file. With labels it has a row for each label: the column row says of which row of the
// request, and a column label.NAME for each of theirs.
// Two columns of one name, such as the shape of x and the tensor x.shape, are an error.
func NewFlat(to io.Writer, columns []FlatColumn, labels *Labels) (*Flat, error) {
	f := &Flat{columns: columns, scalars: scalars(), labels: labels}
	group := parquet.Group{}
	for _, s := range f.scalars {
		group[s.name] = s.node
	}
	for _, c := range columns {
		for _, name := range c.names() {
			if group[name] != nil {
				return nil, fmt.Errorf("two tensors would have the column %q: rename one of them in its model", name)
			}
			group[name] = parquet.Optional(parquet.List(parquet.Int(64)))
		}
		group[c.Name] = parquet.Optional(parquet.List(flatNodes[c.Kind]()))
	}
	if labels != nil {
		group[rowName] = parquet.Int(64)
		for _, c := range labels.columns {
			group[c.Name] = c.node
		}
	}
	schema := parquet.NewSchema("predictions", group)
	f.out = parquet.NewGenericWriter[any](to, schema, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}))
	place := func(path ...string) int {
		leaf, _ := schema.Lookup(path...) // it was put there above
		return leaf.ColumnIndex
	}
	for i := range f.scalars {
		f.scalars[i].at = place(f.scalars[i].name)
	}
	for _, c := range columns {
		f.at = append(f.at, place(c.Name, "list", "element"))
		if names := c.names(); len(names) > 1 {
			f.shapes = append(f.shapes, place(names[1], "list", "element"))
		} else {
			f.shapes = append(f.shapes, -1)
		}
	}
	if labels != nil {
		f.rowAt = place(rowName)
		for _, c := range labels.columns {
			f.labelAt = append(f.labelAt, place(c.Name))
		}
	}
	f.parts = make([][]parquet.Value, len(schema.Columns()))
	for _, path := range schema.Columns() {
		leaf, _ := schema.Lookup(path...)
		f.defined = append(f.defined, leaf.MaxDefinitionLevel)
	}
	return f, nil
}

// Write adds a row of a file without labels; values stand for the columns.
func (f *Flat) Write(r *Row, values []FlatValue) error {
	f.begin(r, values)
	return f.end(r)
}

// WriteLabelled adds row n of a request with the label at a place.
func (f *Flat) WriteLabelled(r *Row, n int, values []FlatValue, label int) error {
	f.begin(r, values)
	f.parts[f.rowAt] = append(f.parts[f.rowAt], parquet.Int64Value(int64(n)).Level(0, 0, f.rowAt))
	for i, at := range f.labelAt {
		v, there := f.labels.rows[label][i], 1
		if v.IsNull() {
			there = 0
		}
		f.parts[at] = append(f.parts[at], v.Level(0, there, at))
	}
	return f.end(r)
}

func (f *Flat) begin(r *Row, values []FlatValue) {
	for i := range f.parts {
		f.parts[i] = f.parts[i][:0]
	}
	for _, s := range f.scalars {
		v, defined := s.of(r), 0
		if s.node.Optional() && !v.IsNull() {
			defined = 1
		}
		f.parts[s.at] = append(f.parts[s.at], v.Level(0, defined, s.at))
	}
	for i := range values {
		v := &values[i]
		f.list(f.at[i], v.There, v.count(f.columns[i].Kind), func(k int) parquet.Value { return v.element(f.columns[i].Kind, k) })
		if f.shapes[i] < 0 {
			continue
		}
		f.list(f.shapes[i], v.There, len(v.Shape), func(k int) parquet.Value { return parquet.Int64Value(v.Shape[k]) })
	}
}

func (f *Flat) end(r *Row) error {
	f.row = f.row[:0]
	for _, part := range f.parts {
		f.row = append(f.row, part...)
	}
	if _, err := f.out.WriteRows([]parquet.Row{f.row}); err != nil {
		return fmt.Errorf("cannot write the row of request %s: %w", r.ID, err)
	}
	return nil
}

// list puts an optional list into a column: its levels say whether it is there, whether it is empty, and which
// element is the first.
func (f *Flat) list(at int, there bool, n int, element func(int) parquet.Value) {
	switch {
	case !there:
		f.parts[at] = append(f.parts[at], parquet.Value{}.Level(0, 0, at))
	case n == 0:
		f.parts[at] = append(f.parts[at], parquet.Value{}.Level(0, 1, at))
	}
	for k := range n {
		v, defined := element(k), f.defined[at]
		if v.IsNull() {
			defined--
		}
		f.parts[at] = append(f.parts[at], v.Level(min(k, 1), defined, at))
	}
}

func (v *FlatValue) count(kind FlatKind) int {
	switch kind {
	case FlatBool, FlatInt, FlatUint, FlatNatural:
		return len(v.Ints)
	case FlatFloat, FlatDouble:
		return len(v.Floats)
	}
	return len(v.Bytes)
}

func (v *FlatValue) element(kind FlatKind, k int) parquet.Value {
	switch kind {
	case FlatBool:
		return parquet.BooleanValue(v.Ints[k] != 0)
	case FlatInt, FlatUint:
		return parquet.Int64Value(v.Ints[k])
	case FlatNatural:
		if v.Ints[k] == 0 {
			return parquet.Value{}
		}
		return parquet.Int64Value(v.Ints[k])
	case FlatFloat:
		return parquet.FloatValue(float32(v.Floats[k]))
	case FlatDouble:
		return parquet.DoubleValue(v.Floats[k])
	}
	return parquet.ByteArrayValue(v.Bytes[k])
}

// Close completes the file.
func (f *Flat) Close() error {
	if err := f.out.Close(); err != nil {
		return fmt.Errorf("cannot complete the file: %w", err)
	}
	return nil
}
