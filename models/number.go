package models

import (
	"encoding/binary"
	"fmt"
	"math"

	"sluice/internal/tensor"
)

// encodeNumber gives the bytes of one element that has the value.
func encodeNumber(t tensor.DataType, value float64) ([]byte, error) {
	switch t {
	case tensor.FP64:
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(value)), nil
	case tensor.FP32:
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(value))), nil
	case tensor.FP16:
		return binary.LittleEndian.AppendUint16(nil, halfBits(value)), nil
	case tensor.BF16:
		return binary.LittleEndian.AppendUint16(nil, bfloatBits(value)), nil
	case tensor.Bool:
		if value != 0 && value != 1 {
			return nil, fmt.Errorf("%v is no BOOL; give 0 or 1", value)
		}
		return []byte{byte(value)}, nil
	case tensor.Bytes, tensor.Invalid:
		return nil, fmt.Errorf("a number cannot stand in a %s tensor", t)
	}
	if value != math.Trunc(value) || math.Abs(value) > 1<<53 {
		return nil, fmt.Errorf("%v is no whole number that %s holds exactly", value, t)
	}
	if low, high := integerRange(t); value < low || value > high {
		return nil, fmt.Errorf("%v is outside %s, which holds %.0f to %.0f", value, t, low, high)
	}
	// The low bytes of the 64-bit form are the shorter forms, signed or not.
	whole := uint64(int64(value))
	return binary.LittleEndian.AppendUint64(nil, whole)[:t.Size():t.Size()], nil
}

func integerRange(t tensor.DataType) (low, high float64) {
	bits := float64(8 * t.Size())
	switch t {
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return 0, math.Exp2(bits) - 1
	}
	return -math.Exp2(bits - 1), math.Exp2(bits-1) - 1
}

// isFloat tells whether elements are compared within a tolerance rather than exactly.
func isFloat(t tensor.DataType) bool {
	return t == tensor.FP32 || t == tensor.FP64 || t == tensor.FP16 || t == tensor.BF16
}

// floatAt reads element i of a floating tensor.
func floatAt(t tensor.DataType, data []byte, i int) float64 {
	switch t {
	case tensor.FP64:
		return math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	case tensor.FP32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	case tensor.BF16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16))
	default:
		return halfValue(binary.LittleEndian.Uint16(data[2*i:]))
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
	default:
		return sign * math.Ldexp(1024+fraction, exponent-25)
	}
}

// halfBits rounds to the nearest binary16, ties to even; values beyond become infinite.
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

// bfloatBits rounds to the nearest bfloat16, ties to even.
func bfloatBits(value float64) uint16 {
	bits := math.Float32bits(float32(value))
	if math.IsNaN(value) {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
