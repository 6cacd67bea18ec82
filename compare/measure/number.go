package measure

import (
	"encoding/binary"
	"math"

	"sluice/internal/tensor"
)

// ulps is how many values of a floating-point type lie between element i of two tensors' data, the second one counted: 0
// for equal values, of which 0 and -0 are two.
func ulps(kind tensor.DataType, a, b []byte, i int) float64 {
	x, y := ordinal(kind, a, i), ordinal(kind, b, i)
	return float64(uint64(max(x, y)) - uint64(min(x, y))) // modulo 2^64, which the distance fits into
}

// ordinal numbers the values of a floating-point type in their order, from 0 for 0 and -0.
func ordinal(kind tensor.DataType, data []byte, i int) int64 {
	var bits uint64
	size := kind.Size()
	switch size {
	case 8:
		bits = binary.LittleEndian.Uint64(data[8*i:])
	case 4:
		bits = uint64(binary.LittleEndian.Uint32(data[4*i:]))
	default:
		bits = uint64(binary.LittleEndian.Uint16(data[2*i:]))
	}
	sign := uint64(1) << (8*size - 1)
	if bits&sign != 0 {
		return -int64(bits &^ sign)
	}
	return int64(bits)
}

// cosineOf is the cosine distance of n elements of two tensors: 1 - cos, from 0 for the same direction to 2 for the
// opposite one. It is 1 where one of the vectors alone is 0, which has no direction. The elements are finite.
func cosineOf(kind tensor.DataType, a, b []byte, from, n int) float64 {
	var largestA, largestB float64
	same := true
	for i := from; i < from+n; i++ {
		x, y := tensor.FloatAt(kind, a, i), tensor.FloatAt(kind, b, i)
		largestA, largestB = max(largestA, math.Abs(x)), max(largestB, math.Abs(y))
		same = same && x == y
	}
	switch {
	case same:
		return 0
	case largestA == 0 || largestB == 0:
		return 1
	}
	// Lengths do not matter, and squares of the largest FP64 would overflow.
	var ab, aa, bb float64
	for i := from; i < from+n; i++ {
		x, y := tensor.FloatAt(kind, a, i)/largestA, tensor.FloatAt(kind, b, i)/largestB
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return min(max(1-ab/math.Sqrt(aa*bb), 0), 2)
}

// certain is the distance from 0 and 1 that a probability keeps under the logit: half the step of FP32 below 1, so that
// logits stay within 16.6.
const certain = 1.0 / (1 << 24)

// logit is the logarithm of the odds of a probability.
func logit(p float64) float64 {
	p = min(max(p, certain), 1-certain)
	return math.Log(p) - math.Log1p(-p)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
