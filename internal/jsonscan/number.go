package jsonscan

import (
	"math"
	"strconv"
	"unsafe"
)

// Number is a number as it is written: Mantissa times ten to the Exponent.
type Number struct {
	Mantissa uint64
	Exponent int
	Flags    Flags
}

// Flags say what else is known of a number.
type Flags uint8

// What is known of a number.
const (
	Negative   Flags = 1 << iota
	Fractional       // it has a fraction or an exponent: no integer token
	Long             // more than 19 digits: the mantissa is not to be used
)

// maxExponent bounds the decimal exponent that is counted; far beyond any float.
const maxExponent = 100_000

// ScanNumber reads the JSON number at i. end is behind it; -1 if there is no well-formed
// number.
func ScanNumber(b []byte, i int) (n Number, end int) {
	var (
		mantissa uint64
		exponent int
		flags    Flags
	)
	if i < len(b) && b[i] == '-' {
		flags = Negative
		i++
	}
	first := i
	for i < len(b) {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		mantissa = mantissa*10 + uint64(d)
		i++
	}
	digits := i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return Number{}, -1
	}
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for i < len(b) {
			d := b[i] - '0'
			if d > 9 {
				break
			}
			mantissa = mantissa*10 + uint64(d)
			i++
		}
		if i == point {
			return Number{}, -1
		}
		exponent = point - i
		digits += i - point
		flags |= Fractional
	}
	if digits > 19 && significant(b[first:i]) > 19 {
		flags |= Long
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		e, n := scanExponent(b[i+1:])
		if n == 0 {
			return Number{}, -1
		}
		exponent += e
		flags |= Fractional
		i += 1 + n
	}
	return Number{mantissa, exponent, flags}, i
}

// scanExponent reads what follows the e: n is its length, 0 if it is malformed.
func scanExponent(b []byte) (e, n int) {
	sign := 1
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		if b[0] == '-' {
			sign = -1
		}
		n++
	}
	first := n
	for n < len(b) && b[n]-'0' <= 9 {
		e = min(e*10+int(b[n]-'0'), maxExponent)
		n++
	}
	if n == first {
		return 0, 0
	}
	return sign * e, n
}

// significant counts the digits from the first that is not zero.
func significant(b []byte) int {
	n := 0
	for _, c := range b {
		if c != '.' && (n > 0 || c != '0') {
			n++
		}
	}
	return n
}

// NonFinite finds a token for a value that JSON cannot write; n is its length, 0 if
// there is none.
func NonFinite(b []byte) (v float64, n int) {
	if len(b) == 0 || b[0] >= '0' && b[0] <= '9' {
		return 0, 0
	}
	at, inf := 0, math.Inf(1)
	if b[0] == '-' {
		at, inf = 1, math.Inf(-1)
	}
	switch rest := b[at:]; {
	case at == 0 && Begins(rest, "NaN"):
		return math.NaN(), 3
	case Begins(rest, "Infinity"):
		return inf, at + 8
	case Begins(rest, "Inf"):
		return inf, at + 3
	}
	return 0, 0
}

// Begins reports whether b begins with a word.
func Begins(b []byte, word string) bool {
	return len(b) >= len(word) && string(b[:len(word)]) == word
}

// pow10 holds powers of ten, exact up to 1e22 and correctly rounded beyond.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30,
	1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45,
}

// exactPow10 is the largest power of ten that a float64 holds exactly.
const exactPow10 = 22

// Float64 rounds a number, whose text is given, to float64; ok is false if it is too large.
//
// Mantissa and power both exact, one operation: rounded once, so correct (Clinger,
// 1990). Everything else goes the long way.
func (n Number) Float64(text []byte) (v float64, ok bool) {
	if n.Mantissa > 1<<53 || n.Flags&Long != 0 || n.Exponent < -exactPow10 || n.Exponent > exactPow10 {
		return parseFloat(text, 64)
	}
	v = float64(n.Mantissa)
	if n.Exponent < 0 {
		v /= pow10[-n.Exponent]
	} else {
		v *= pow10[n.Exponent]
	}
	if n.Flags&Negative != 0 {
		v = -v
	}
	return v, true
}

// Float32 rounds a number, whose text is given, to float32; ok is false if it is too large.
//
// The quotient or product in float64 has at most three roundings of relative error
// 2^-53 each (mantissa, power, operation), so it is within 4 float64 units of the
// true value. Rounding it to float32 is correct unless a midpoint between two
// float32 lies within that distance; such values, those near the subnormals and the
// largest go the long way.
func (n Number) Float32(text []byte) (v float32, ok bool) {
	if n.Flags&Long != 0 || n.Exponent < 1-len(pow10) || n.Exponent >= len(pow10) {
		return parseFloat32(text)
	}
	d := float64(n.Mantissa)
	if n.Exponent < 0 {
		d /= pow10[-n.Exponent]
	} else {
		d *= pow10[n.Exponent]
	}
	bits, ok := round32(d)
	if !ok && n.Mantissa != 0 {
		return parseFloat32(text)
	}
	if n.Flags&Negative != 0 {
		bits |= 1 << 31
	}
	return math.Float32frombits(bits), true
}

func parseFloat32(text []byte) (float32, bool) {
	v, ok := parseFloat(text, 32)
	return float32(v), ok
}

// parseFloat is strconv's, without a copy of the text. The caller has checked the
// syntax, so the only error left is a value out of range.
func parseFloat(text []byte, bits int) (float64, bool) {
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), bits)
	return v, err == nil
}

// Int64 converts an integer token if it fits into that many bits.
func (n Number) Int64(bits uint) (int64, bool) {
	if n.Flags&(Fractional|Long) != 0 {
		return 0, false
	}
	limit := uint64(1) << (bits - 1)
	if n.Flags&Negative != 0 {
		return -int64(n.Mantissa), n.Mantissa <= limit
	}
	return int64(n.Mantissa), n.Mantissa < limit
}

// Uint64 converts an integer token, whose text is given, if it fits into that many bits.
func (n Number) Uint64(bits uint, text []byte) (uint64, bool) {
	if n.Flags&Fractional != 0 || n.Flags&Negative != 0 && n.Mantissa != 0 {
		return 0, false
	}
	if n.Flags&Long != 0 {
		v, err := strconv.ParseUint(unsafe.String(unsafe.SliceData(text), len(text)), 10, int(bits))
		return v, err == nil
	}
	return n.Mantissa, bits == 64 || n.Mantissa < 1<<bits
}
