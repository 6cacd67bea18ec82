package zoo

import (
	"math"
	"testing"
)

// fromHalf widens an IEEE 754 binary16.
func fromHalf(h uint16) float64 {
	sign, exponent, fraction := 1.0, int(h>>10&0x1f), float64(h&0x3ff)
	if h>>15 == 1 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// toHalf rounds a number to the nearest binary16, ties to even.
func toHalf(v float64) (h uint16) {
	if math.Signbit(v) {
		h = 1 << 15
	}
	v = math.Abs(v)
	switch {
	case math.IsNaN(v):
		return h | 0x7e00
	case v >= 65520: // half way from the largest finite number to the next power of two
		return h | 0x7c00
	}
	_, exponent := math.Frexp(v)
	exponent = max(exponent-1, -14)
	units := uint16(math.RoundToEven(math.Ldexp(v, 10-exponent)))
	if units < 1<<10 {
		return h | units // below the least normal number, where the exponent's field is 0
	}
	return h | (uint16(exponent+15)<<10 + units - 1<<10) // 2048 units carry into the exponent
}

func TestHalf(t *testing.T) {
	for _, v := range []float64{0, 1, -2.5, 65504, 6.103515625e-05, 5.960464477539063e-08, math.Inf(1), math.Inf(-1)} {
		if got := fromHalf(toHalf(v)); got != v {
			t.Errorf("%v becomes %v", v, got)
		}
	}
	if !math.IsNaN(fromHalf(toHalf(math.NaN()))) {
		t.Error("NaN is lost")
	}
	for h := range uint16(0x7c00) {
		// A third of the way to the next number is rounded back, two thirds forth.
		low, high := fromHalf(h), fromHalf(h+1)
		if math.IsInf(high, 1) {
			high = 65536
		}
		if back, forth := toHalf(low+(high-low)/3), toHalf(low+(high-low)*2/3); back != h || forth != h+1 {
			t.Fatalf("numbers after %v become %#x and %#x, not %#x and %#x", low, back, forth, h, h+1)
		}
	}
}
