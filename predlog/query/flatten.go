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

// column is a tensor's column of a flattened file.
type column struct {
	output   bool
	name     string
	datatype string
}

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
	for output, list := range [][]table.Tensor{r.Inputs, r.Outputs} {
		for i := range list {
			t := &list[i]
			at, _ := slices.BinarySearchFunc(columns, column{output == 1, t.Name, t.Datatype}, compareColumns)
			if err := fill(&values[at], t); err != nil {
				return fmt.Errorf("the tensor %s of request %s: %w", t.Name, r.ID, err)
			}
		}
	}
	return nil
}

func compareColumns(a, b column) int {
	side := func(c column) int {
		if c.output {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(side(a), side(b)), cmp.Compare(a.name, b.name), cmp.Compare(a.datatype, b.datatype))
}

// columnsOf are the tensors of rows in order: the inputs, then the outputs, by name and datatype.
func columnsOf(each func(visit func(*table.Row) error) error) (all []column, err error) {
	known := map[column]bool{}
	err = each(func(r *table.Row) error {
		for output, list := range [][]table.Tensor{r.Inputs, r.Outputs} {
			for i := range list {
				c := column{output == 1, list[i].Name, list[i].Datatype}
				if !known[c] {
					known[c] = true
					all = append(all, c)
				}
			}
		}
		return nil
	})
	slices.SortFunc(all, compareColumns)
	return all, err
}

// flatColumns names the columns: in.NAME and out.NAME, with the datatype behind it where one name has several.
func flatColumns(columns []column) []table.FlatColumn {
	list := make([]table.FlatColumn, len(columns))
	for i, c := range columns {
		name := "in." + c.name
		if c.output {
			name = "out." + c.name
		}
		same := func(k int) bool {
			return k >= 0 && k < len(columns) && columns[k].output == c.output && columns[k].name == c.name
		}
		if same(i-1) || same(i+1) {
			name += "." + c.datatype
		}
		list[i] = table.FlatColumn{Name: name, Kind: flatKind(c.datatype)}
	}
	return list
}

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
