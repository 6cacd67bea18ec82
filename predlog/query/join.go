package query

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"sluice/predlog/table"
)

// Joined is what a join has found.
type Joined struct {
	// Labels is how many labels there are, Found how many of them a recorded row was found for.
	Labels, Found int
	// Rows were written: a label that fits several rows has each.
	Rows int
}

// Join writes, for each label, the row of the request that it is of: what Flatten writes, with the row's part of each
// tensor, its number and the label. path is a Parquet file of the log, or its folder. Without a key a label is of
// every row of its request; key names the input whose value says which row a label is of.
func Join(path, labels, key string, to io.Writer) (j Joined, err error) {
	l, err := table.ReadLabels(labels, key != "")
	if err != nil {
		return j, err
	}
	about, err := os.Stat(path)
	if err != nil {
		return j, fmt.Errorf("cannot read the prediction log %s: %w", path, err)
	}
	each := func(visit func(*table.Row) error) error { return File(path, visit) }
	if about.IsDir() {
		each = func(visit func(*table.Row) error) error { return All(path, visit) }
	}
	columns, err := columnsOf(each)
	if err != nil {
		return j, err
	}
	out, err := table.NewFlat(to, flatColumns(columns), l)
	if err != nil {
		return j, err
	}
	j.Labels = l.Len()
	found := make([]bool, l.Len())
	values, part := make([]table.FlatValue, len(columns)), make([]table.FlatValue, len(columns))
	err = each(func(r *table.Row) error {
		if r.Tensors != table.TensorsKept || len(r.Inputs) == 0 {
			return nil
		}
		if err := fillAll(values, columns, r); err != nil {
			return err
		}
		for n := range int(r.Rows) {
			id, there, err := keyOf(columns, values, key, n, int(r.Rows))
			if err != nil {
				return fmt.Errorf("request %s: %w", r.ID, err)
			}
			if !there {
				return nil // of a model without that input
			}
			for _, label := range l.Of(r.ID, id) {
				rowOf(columns, part, values, n, int(r.Rows))
				if err := out.WriteLabelled(r, n, part, label); err != nil {
					return err
				}
				found[label] = true
				j.Rows++
			}
		}
		return nil
	})
	for _, f := range found {
		if f {
			j.Found++
		}
	}
	return j, errors.Join(err, out.Close())
}

// rowOf takes row n out of each tensor that has so many rows; the others are of every row.
func rowOf(columns []column, part, values []table.FlatValue, n, rows int) {
	copy(part, values)
	for i := range part {
		v := &part[i]
		if filled := columns[i].side >= status; filled && len(v.Ints)+len(v.Bytes) != rows || !filled && (len(v.Shape) == 0 || v.Shape[0] != int64(rows)) {
			continue
		}
		if len(v.Shape) > 0 {
			v.Shape = v.Shape[1:]
		}
		v.Ints, v.Floats, v.Bytes = share(v.Ints, n, rows), share(v.Floats, n, rows), share(v.Bytes, n, rows)
	}
}

func share[T any](list []T, n, rows int) []T {
	each := len(list) / rows
	return list[n*each : (n+1)*each]
}

// keyOf is the key of row n, as labels have it: a number in decimal digits, or a text. It is not there in a request
// without the input.
func keyOf(columns []column, values []table.FlatValue, key string, n, rows int) (text string, there bool, err error) {
	if key == "" {
		return "", true, nil
	}
	for at, c := range columns {
		v := &values[at]
		switch {
		case c.side != input || c.name != key || !v.There:
		case len(v.Ints) == rows && c.datatype == "UINT64":
			return strconv.FormatUint(uint64(v.Ints[n]), 10), true, nil
		case len(v.Ints) == rows:
			return strconv.FormatInt(v.Ints[n], 10), true, nil
		case len(v.Bytes) == rows && c.datatype == "BYTES":
			return string(v.Bytes[n]), true, nil
		default:
			return "", false, fmt.Errorf("the input %s is no key: a key is one whole number or text for each of the %d rows", key, rows)
		}
	}
	return "", false, nil
}
