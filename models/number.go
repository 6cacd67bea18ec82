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
	case tensor.FP64, tensor.FP32, tensor.FP16, tensor.BF16:
		return tensor.AppendFloat(nil, t, value), nil
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
