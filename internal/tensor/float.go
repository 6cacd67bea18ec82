package tensor

import (
	"encoding/binary"
	"math"
)

// Float reports whether elements are floating-point numbers, which are compared within a
// tolerance rather than exactly.
func (d DataType) Float() bool { return d == FP16 || d == BF16 || d == FP32 || d == FP64 }

// Half reports whether elements are numbers of 16 bits with a fraction, for which the protocol has no JSON.
func (d DataType) Half() bool { return d == FP16 || d == BF16 }

// FloatAt reads element i of a floating-point tensor's data.
func FloatAt(kind DataType, data []byte, i int) float64 {
	switch kind {
	case FP64:
		return math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	case FP32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	case BF16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16))
	default:
		return halfValue(binary.LittleEndian.Uint16(data[2*i:]))
	}
}

// AppendFloat appends a value as an element of a floating-point type, rounded to the nearest,
// ties to even; what is beyond the type's range becomes infinite.
func AppendFloat(dst []byte, kind DataType, value float64) []byte {
	switch kind {
	case FP64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(value))
	case FP32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(value)))
	case BF16:
		return binary.LittleEndian.AppendUint16(dst, bfloatBits(value))
	default:
		return binary.LittleEndian.AppendUint16(dst, halfBits(value))
	}
}

// halfValue is the value of an IEEE 754 binary16.
func halfValue(h uint16) float64 {
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	exponent, fraction := int(h>>10&0x1f), float64(h&0x3ff)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

func halfBits(value float64) uint16 {
	sign := uint16(math.Float64bits(value) >> 48 & 0x8000)
	size := math.Abs(value)
	switch {
	case math.IsNaN(value):
		return sign | 0x7e00
	case size >= 65520: // halfway from the largest number, 65504, to the next
		return sign | 0x7c00
	case size < math.Ldexp(1, -14):
		return sign | uint16(math.RoundToEven(math.Ldexp(size, 24)))
	}
	fraction, exponent := math.Frexp(size) // size = fraction * 2^exponent, fraction in [0.5, 1)
	whole := uint16(math.RoundToEven(math.Ldexp(fraction, 11)))
	// A fraction that rounds up to 2048 carries into the exponent by itself.
	return sign | (uint16(exponent+14)<<10 + (whole - 1024))
}

func bfloatBits(value float64) uint16 {
	bits := math.Float32bits(float32(value))
	if math.IsNaN(value) {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
