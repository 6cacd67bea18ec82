package stub

import (
	"encoding/binary"

	"sluice/internal/tensor"
)

// Columns of the model's input and output: x is FP32 [-1,16], y is FP32 [-1,4].
const (
	InputColumns  = 16
	OutputColumns = 4
	// MaxRows is the most rows of a request.
	MaxRows = 1024
)

// Names of the model and its version.
const (
	Model   = "stub"
	Version = "1"
)

var schema = &tensor.Schema{
	Inputs:   []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, InputColumns}}},
	Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, OutputColumns}}},
	MaxBatch: MaxRows, MaxRows: MaxRows,
}

// appendAnswer appends the rows of y for the rows of x in the protocol's binary form: four numbers
// from 1 to 2 with 16 bits behind the point, exact in a float32, that are drawn from a hash of the
// bits of x. So rows that differ in any bit differ in their answers by more than any tolerance.
func appendAnswer(y, x []byte) []byte {
	const row = 4 * InputColumns
	for ; len(x) >= row; x = x[row:] {
		var h uint64
		for i := 0; i < row; i += 4 {
			h = absorb(h, binary.LittleEndian.Uint32(x[i:]))
		}
		for i := range OutputColumns {
			y = binary.LittleEndian.AppendUint32(y, number(h, i))
		}
	}
	return y
}

func absorb(h uint64, bits uint32) uint64 {
	h = (h ^ uint64(bits)) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// number is the i-th of the four: the finaliser of SplitMix64, of which 16 bits become the
// first bits of a mantissa.
func number(h uint64, i int) (bits uint32) {
	z := h + uint64(i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return 127<<23 | uint32(z>>48)<<7
}
