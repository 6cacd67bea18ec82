package oip

import (
	"math"
	"strconv"
	"unsafe"
)

// numFlags say what scanNumber saw.
type numFlags uint8

const (
	negative   numFlags = 1 << iota
	fractional          // has a fraction or an exponent: no integer token
	long                // more than 19 digits: the mantissa is not to be used
)

// maxExponent bounds the decimal exponent that is counted; far beyond any float.
const maxExponent = 100_000

// scanNumber reads the JSON number at i: mantissa times ten to the exponent. end is
// behind it; -1 if there is no well-formed number.
func scanNumber(b []byte, i int) (mantissa uint64, exponent int, flags numFlags, end int) {
	if i < len(b) && b[i] == '-' {
		flags = negative
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
		return 0, 0, 0, -1
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
			return 0, 0, 0, -1
		}
		exponent = point - i
		digits += i - point
		flags |= fractional
	}
	if digits > 19 && significant(b[first:i]) > 19 {
		flags |= long
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		e, n := scanExponent(b[i+1:])
		if n == 0 {
			return 0, 0, 0, -1
		}
		exponent += e
		flags |= fractional
		i += 1 + n
	}
	return mantissa, exponent, flags, i
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

// nonFinite finds a token for a value that JSON cannot write; n is its length, 0 if
// there is none.
func nonFinite(b []byte) (v float64, n int) {
	if len(b) == 0 || b[0] >= '0' && b[0] <= '9' {
		return 0, 0
	}
	at, inf := 0, math.Inf(1)
	if b[0] == '-' {
		at, inf = 1, math.Inf(-1)
	}
	switch rest := b[at:]; {
	case at == 0 && begins(rest, "NaN"):
		return math.NaN(), 3
	case begins(rest, "Infinity"):
		return inf, at + 8
	case begins(rest, "Inf"):
		return inf, at + 3
	}
	return 0, 0
}

func begins(b []byte, word string) bool {
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

// toFloat64 rounds a scanned number to float64; ok is false if it is too large.
//
// Mantissa and power both exact, one operation: rounded once, so correct (Clinger,
// 1990). Everything else goes the long way.
func toFloat64(mantissa uint64, exponent int, flags numFlags, text []byte) (v float64, ok bool) {
	if mantissa > 1<<53 || flags&long != 0 || exponent < -exactPow10 || exponent > exactPow10 {
		return parseFloat(text, 64)
	}
	v = float64(mantissa)
	if exponent < 0 {
		v /= pow10[-exponent]
	} else {
		v *= pow10[exponent]
	}
	if flags&negative != 0 {
		v = -v
	}
	return v, true
}

// toFloat32 rounds a scanned number to float32; ok is false if it is too large.
//
// The quotient or product in float64 has at most three roundings of relative error
// 2^-53 each (mantissa, power, operation), so it is within 4 float64 units of the
// true value. Rounding it to float32 is correct unless a midpoint between two
// float32 lies within that distance; such values, those near the subnormals and the
// largest go the long way.
func toFloat32(mantissa uint64, exponent int, flags numFlags, text []byte) (v float32, ok bool) {
	if flags&long != 0 || exponent < 1-len(pow10) || exponent >= len(pow10) {
		return parseFloat32(text)
	}
	d := float64(mantissa)
	if exponent < 0 {
		d /= pow10[-exponent]
	} else {
		d *= pow10[exponent]
	}
	bits, ok := round32(d)
	if !ok && mantissa != 0 {
		return parseFloat32(text)
	}
	if flags&negative != 0 {
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

// toInt64 converts a scanned integer token if it fits into that many bits.
func toInt64(mantissa uint64, flags numFlags, bits uint) (int64, bool) {
	if flags&(fractional|long) != 0 {
		return 0, false
	}
	limit := uint64(1) << (bits - 1)
	if flags&negative != 0 {
		return -int64(mantissa), mantissa <= limit
	}
	return int64(mantissa), mantissa < limit
}

// toUint64 converts a scanned integer token if it fits into that many bits.
func toUint64(mantissa uint64, flags numFlags, bits uint, text []byte) (uint64, bool) {
	if flags&fractional != 0 || flags&negative != 0 && mantissa != 0 {
		return 0, false
	}
	if flags&long != 0 {
		v, err := strconv.ParseUint(unsafe.String(unsafe.SliceData(text), len(text)), 10, int(bits))
		return v, err == nil
	}
	return mantissa, bits == 64 || mantissa < 1<<bits
}
