package onnxfile

import (
	"encoding/binary"
	"errors"
	"math"
)

var errTooMany = errors.New("more values than are asked for")

// Tensor is an initialiser or a constant: what it is, and where its values lie.
type Tensor struct {
	Name    string
	Element int64 // ONNX's number
	Dims    []int64

	message  []byte // nil: a sparse tensor
	external bool
}

func readTensor(message []byte) (Tensor, error) {
	t := Tensor{message: message}
	err := walk(message, func(f field) (err error) {
		switch f.id {
		case 1:
			t.Dims, err = f.appendInts(t.Dims, maxRank)
		case 2:
			t.Element = int64(f.number)
		case 8:
			t.Name = string(f.data)
		case 13:
			t.external = true
		case 14:
			t.external = t.external || f.number == 1
		}
		return err
	})
	return t, err
}

// Size is how many bytes the tensor takes in the file.
func (t Tensor) Size() int { return len(t.message) }

// Elements is how many values the tensor has; -1 if they cannot be counted.
func (t Tensor) Elements() int64 {
	n := int64(1)
	for _, d := range t.Dims {
		if d < 0 || d > 0 && n > math.MaxInt64/d {
			return -1
		}
		n *= d
	}
	return n
}

// Ints are the values of a tensor of integers or truth values with at most limit
// elements; not ok for any other, nor for one that has values of several kinds or of
// another type's.
func (t Tensor) Ints(limit int) ([]int64, bool) {
	kind, ok := integers[t.Element]
	want, width := t.Elements(), kind.width
	if !ok || want < 0 || want > int64(limit) || t.external || t.message == nil {
		return nil, false
	}
	var list []int64
	raw, own, foreign := false, false, false
	err := walk(t.message, func(f field) (err error) {
		switch {
		case f.id == kind.typed && (f.wire == wireVarint || f.wire == wireBytes):
			list, err = f.appendInts(list, limit)
			own = true
		case f.id == rawData && len(f.data) > limit*width:
			err = errTooMany
		case f.id == rawData:
			for data := f.data; len(data) >= width; data = data[width:] {
				list = append(list, integer(data[:width], kind.signed))
			}
			raw = true
		case f.id >= 4 && f.id <= 7 || f.id == 10 || f.id == 11:
			foreign = true
		}
		return err
	})
	if own && kind.typed == int32Data { // whatever the type is, the numbers are cut to 32 bits
		for _, n := range list {
			if n != int64(int32(n)) {
				return nil, false
			}
		}
	}
	return list, err == nil && int64(len(list)) == want && !foreign && !(raw && own)
}

// The fields of a tensor that hold its values.
const (
	int32Data  = 5
	int64Data  = 7
	rawData    = 9
	uint64Data = 11
)

// integers are the types of whole numbers: how many bytes one takes in rawData, and the other
// field that may hold them.
var integers = map[int64]struct {
	width  int
	signed bool
	typed  int
}{
	2: {1, false, int32Data}, 3: {1, true, int32Data}, 4: {2, false, int32Data}, 5: {2, true, int32Data}, 6: {4, true, int32Data},
	7: {8, true, int64Data}, 9: {1, false, int32Data}, 12: {4, false, uint64Data}, 13: {8, false, uint64Data},
}

// Floats are the values of a tensor of float32 or float64 with at most limit elements;
// not ok for any other, as with Ints.
func (t Tensor) Floats(limit int) ([]float64, bool) {
	width := map[int64]int{1: 4, 11: 8}[t.Element]
	want := t.Elements()
	if width == 0 || want < 0 || want > int64(limit) || t.external || t.message == nil {
		return nil, false
	}
	typed := map[int]int{4: 4, 8: 10}[width] // float_data, double_data
	var list []float64
	raw, own, foreign := false, false, false
	err := walk(t.message, func(f field) error {
		switch {
		case f.id == typed || f.id == rawData:
			data := f.data
			switch f.wire {
			case wireFixed4:
				data = binary.LittleEndian.AppendUint32(nil, uint32(f.number))
			case wireFixed8:
				data = binary.LittleEndian.AppendUint64(nil, f.number)
			}
			if len(data)/width+len(list) > limit {
				return errTooMany
			}
			for ; len(data) >= width; data = data[width:] {
				list = append(list, number(data[:width]))
			}
			raw, own = raw || f.id == rawData, own || f.id == typed
		case f.id >= 4 && f.id <= 7 || f.id == 10 || f.id == 11:
			foreign = true
		}
		return nil
	})
	return list, err == nil && int64(len(list)) == want && !foreign && !(raw && own)
}

// EachText visits the tensor's strings until visit returns false.
func (t Tensor) EachText(visit func([]byte) bool) {
	for rest := t.message; len(rest) > 0; {
		f, after, err := next(rest)
		if err != nil || f.id == 6 && !visit(f.data) {
			return
		}
		rest = after
	}
}

func number(data []byte) float64 {
	if len(data) == 4 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(data)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(data))
}

func integer(data []byte, signed bool) int64 {
	var wide [8]byte
	copy(wide[:], data)
	if signed && data[len(data)-1] >= 0x80 {
		for i := len(data); i < 8; i++ {
			wide[i] = 0xff
		}
	}
	return int64(binary.LittleEndian.Uint64(wide[:]))
}
