package oip

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/oip/wire"
	"sluice/internal/tensor"
)

// ranked is a class with a key that orders values of every type: greater is greater.
type ranked struct {
	key   uint64
	index int
}

func compareRanked(a, b ranked) int {
	if a.key != b.key {
		return cmp.Compare(b.key, a.key)
	}
	return a.index - b.index
}

// maxClassified is the most elements of an output that are ranked for one request.
const maxClassified = 1_000_000

// maxInserted is up to how many classes insertion beats sorting all of them.
const maxInserted = 16

// ordered reports whether values of the type have an order that classification uses.
func ordered(kind tensor.DataType) bool {
	switch kind {
	case tensor.Bool, tensor.FP16, tensor.BF16, tensor.Bytes, tensor.Invalid:
		return false
	}
	return true
}

// classify makes the tensor of an output's top classes: per row, or over all values
// if the model does not batch, the elements "value:index" or "value:index:label" by
// descending value, equal values by index, NaN last. It stops where they alone are more than
// an answer may be. The shape of from may lie in r.dims, and is gone once that of the classes is
// written.
func (r *Request) classify(choice *OutputChoice, spec *tensor.Spec, batched bool, from *tensor.Tensor) (tensor.Tensor, error) {
	size := from.Type.Size()
	total := len(from.Data) / size
	if total > maxClassified {
		return tensor.Tensor{}, fault.Newf(fault.InvalidParameter, "classification of output '%s' would rank %d values, more than the limit of %d", spec.Name, total, maxClassified)
	}
	rows, n := 1, total
	r.dims = r.dims[:0]
	if batched && len(from.Shape) > 0 {
		rows = int(from.Shape[0])
		n = tensor.RowElements(from.Shape)
		r.dims = append(r.dims, from.Shape[0])
	}
	k := min(choice.Classification, n)
	r.dims = append(r.dims, int64(k))
	start := len(r.elements)
	if k == 0 {
		rows = 0 // a shape without elements may have any number of rows
	}
	for row := range rows {
		values := from.Data[row*n*size : (row+1)*n*size]
		for _, top := range r.top(from.Type, values, k) {
			r.elements = appendClass(r.elements, spec, from.Type, values, top.index)
			// Quotes and a comma stand for a length in JSON.
			if least := len(r.elements) - start - (row+1)*k; r.Form.Exceeds(int64(least)) {
				return tensor.Tensor{}, wire.ErrFull
			}
		}
	}
	choice.classBytes = len(r.elements) - start
	return tensor.Tensor{Name: spec.Name, Type: tensor.Bytes, Shape: r.dims, Data: r.elements[start:]}, nil
}

// top ranks one row's values and returns the first k.
func (r *Request) top(kind tensor.DataType, values []byte, k int) []ranked {
	r.ranks = r.ranks[:0]
	size := kind.Size()
	for i := range len(values) / size {
		next := ranked{orderKey(kind, values[i*size:]), i}
		if k > maxInserted {
			r.ranks = append(r.ranks, next)
			continue
		}
		if len(r.ranks) < k {
			r.ranks = append(r.ranks, next)
		} else if k == 0 || compareRanked(next, r.ranks[k-1]) > 0 {
			continue
		}
		at := len(r.ranks) - 1
		for ; at > 0 && compareRanked(next, r.ranks[at-1]) < 0; at-- {
			r.ranks[at] = r.ranks[at-1]
		}
		r.ranks[at] = next
	}
	if k > maxInserted {
		slices.SortFunc(r.ranks, compareRanked)
	}
	return r.ranks[:k]
}

// orderKey maps a value to an unsigned integer of the same order.
func orderKey(kind tensor.DataType, data []byte) uint64 {
	const sign = 1 << 63
	switch kind {
	case tensor.FP32, tensor.FP64:
		v := tensor.FloatAt(kind, data, 0)
		switch bits := math.Float64bits(v + 0); { // + 0 makes -0 and 0 equal
		case math.IsNaN(v):
			return 0
		case bits&sign != 0:
			return ^bits
		default:
			return bits | sign
		}
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return tensor.UintAt(kind, data)
	}
	return uint64(tensor.IntAt(kind, data)) ^ sign
}

// appendClass appends one element: floats with six decimals, integers plain.
func appendClass(dst []byte, spec *tensor.Spec, kind tensor.DataType, values []byte, index int) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if kind.Float() {
		dst = strconv.AppendFloat(dst, tensor.FloatAt(kind, values, index), 'f', 6, 64)
	} else {
		dst = wire.Unbounded.AppendElement(dst, kind, values[index*kind.Size():])
	}
	dst = strconv.AppendInt(append(dst, ':'), int64(index), 10)
	if index < len(spec.Labels) {
		dst = append(append(dst, ':'), spec.Labels[index]...)
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}
