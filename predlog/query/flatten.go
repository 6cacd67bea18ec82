package query

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"sluice/internal/tensor"
	"sluice/predlog/table"
)

// column is a tensor's column of a flattened file, or what is said of a filled one.
type column struct {
	side     side
	name     string
	datatype string // empty of filled columns
}

// side is what a column is of.
type side uint8

// The sides, in the order in which their columns stand.
const (
	input side = iota
	output
	status
	age
)

// The names of columns: an input's, and an output's; a filled column's with that of its input in front.
var (
	prefixes = [...]string{"in.", "out.", "in.", "in."}
	suffixes = [...]string{status: ".status", age: ".age_ms"}
)

// Flatten writes a file's rows with a column for each tensor. Two passes: the columns are those of the tensors that
// some row has. Tensors of one name and two datatypes, of two models or versions, have a column each.
func Flatten(path string, to io.Writer) (err error) {
	in, err := table.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	columns, err := columnsOf(in.Rows)
	if err != nil {
		return err
	}
	out, err := table.NewFlat(to, flatColumns(columns), nil)
	if err != nil {
		return err
	}
	values := make([]table.FlatValue, len(columns))
	if err := in.Rows(func(r *table.Row) error {
		if err := fillAll(values, columns, r); err != nil {
			return err
		}
		return out.Write(r, values)
	}); err != nil {
		return err
	}
	return out.Close()
}

// fillAll reads a row's tensors into the values of its columns.
func fillAll(values []table.FlatValue, columns []column, r *table.Row) error {
	clear(values)
	find := func(c column) *table.FlatValue {
		at, _ := slices.BinarySearchFunc(columns, c, compareColumns)
		return &values[at]
	}
	for i := range r.Features {
		f := &r.Features[i]
		statuses, ages := find(column{status, f.Input + "." + f.Name, ""}), find(column{age, f.Input + "." + f.Name, ""})
		statuses.There, ages.There, ages.Ints = true, true, f.AgesMS
		for _, s := range f.Statuses {
			statuses.Bytes = append(statuses.Bytes, []byte(s))
		}
	}
	for of, list := range [][]table.Tensor{input: r.Inputs, output: r.Outputs} {
		for i := range list {
			t := &list[i]
			if err := fill(find(column{side(of), t.Name, t.Datatype}), t); err != nil {
				return fmt.Errorf("the tensor %s of request %s: %w", t.Name, r.ID, err)
			}
		}
	}
	return nil
}

func compareColumns(a, b column) int {
	return cmp.Or(cmp.Compare(a.side, b.side), cmp.Compare(a.name, b.name), cmp.Compare(a.datatype, b.datatype))
}

// columnsOf are the columns of rows in order: the inputs, the outputs, then what is said of filled columns, by name and datatype.
func columnsOf(each func(visit func(*table.Row) error) error) (all []column, err error) {
	known := map[column]bool{}
	add := func(c column) {
		if !known[c] {
			known[c] = true
			all = append(all, c)
		}
	}
	err = each(func(r *table.Row) error {
		for of, list := range [][]table.Tensor{input: r.Inputs, output: r.Outputs} {
			for i := range list {
				add(column{side(of), list[i].Name, list[i].Datatype})
			}
		}
		for i := range r.Features {
			name := r.Features[i].Input + "." + r.Features[i].Name
			add(column{status, name, ""})
			add(column{age, name, ""})
		}
		return nil
	})
	slices.SortFunc(all, compareColumns)
	return all, err
}

// flatColumns names the columns: in.NAME and out.NAME, with the datatype behind it where one name has several, and
// in.NAME.FEATURE.status and in.NAME.FEATURE.age_ms.
func flatColumns(columns []column) []table.FlatColumn {
	list := make([]table.FlatColumn, len(columns))
	for i, c := range columns {
		if c.side >= status {
			list[i] = table.FlatColumn{Name: prefixes[c.side] + c.name + suffixes[c.side], Kind: filledKinds[c.side]}
			continue
		}
		name := prefixes[c.side] + c.name
		same := func(k int) bool {
			return k >= 0 && k < len(columns) && columns[k].side == c.side && columns[k].name == c.name
		}
		if same(i-1) || same(i+1) {
			name += "." + c.datatype
		}
		list[i] = table.FlatColumn{Name: name, Kind: flatKind(c.datatype)}
	}
	return list
}

var filledKinds = map[side]table.FlatKind{status: table.FlatText, age: table.FlatNatural}

// flatKind is how the elements of a datatype are written.
func flatKind(datatype string) table.FlatKind {
	switch kind := tensor.ParseDataType([]byte(datatype)); {
	case kind == tensor.Bool:
		return table.FlatBool
	case kind == tensor.FP32 || kind == tensor.FP16 || kind == tensor.BF16:
		return table.FlatFloat
	case kind == tensor.FP64:
		return table.FlatDouble
	case kind == tensor.Uint64:
		return table.FlatUint
	case kind.Size() > 0:
		return table.FlatInt
	}
	return table.FlatBytes // of BYTES, and of hashes
}

// fill reads a tensor's elements.
func fill(v *table.FlatValue, t *table.Tensor) error {
	v.There, v.Shape = true, t.Shape
	kind := tensor.ParseDataType([]byte(t.Datatype))
	switch {
	case t.Datatype == table.HashType:
		for hash := range slices.Chunk(t.Raw, table.HashSize) {
			v.Bytes = append(v.Bytes, hash)
		}
		return nil
	case kind == tensor.Bytes:
		for rest := t.Raw; len(rest) > 0; {
			one, err := tensor.BytesSpan(rest, 0, 1)
			if err != nil {
				return err
			}
			v.Bytes, rest = append(v.Bytes, one[4:]), rest[len(one):]
		}
		return nil
	case kind.Size() == 0:
		return fmt.Errorf("the datatype %q is not known", t.Datatype)
	case len(t.Raw)%kind.Size() != 0:
		return fmt.Errorf("%d bytes are no whole number of %s", len(t.Raw), kind)
	}
	for i := range len(t.Raw) / kind.Size() {
		if kind.Float() {
			v.Floats = append(v.Floats, tensor.FloatAt(kind, t.Raw, i))
		} else {
			v.Ints = append(v.Ints, integerAt(kind, t.Raw[i*kind.Size():]))
		}
	}
	return nil
}

// integerAt is the first element of data; of UINT64 its bits.
func integerAt(kind tensor.DataType, data []byte) (v int64) {
	n := kind.Size()
	for i := range n {
		v |= int64(data[i]) << (8 * i)
	}
	switch kind {
	case tensor.Int8:
		return int64(int8(v))
	case tensor.Int16:
		return int64(int16(v))
	case tensor.Int32:
		return int64(int32(v))
	}
	return v
}
