package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// AppendNumber appends a value as an element of a type.
func AppendNumber(dst []byte, kind DataType, value float64) ([]byte, error) {
	switch kind {
	case FP64, FP32, FP16, BF16:
		return AppendFloat(dst, kind, value), nil
	case Bool:
		if value != 0 && value != 1 {
			return nil, fmt.Errorf("%v is no BOOL; give 0 or 1", value)
		}
		return append(dst, byte(value)), nil
	case Bytes, Invalid:
		return nil, fmt.Errorf("a number cannot stand in a %s tensor", kind)
	}
	if value != math.Trunc(value) || math.Abs(value) > 1<<53 {
		return nil, fmt.Errorf("%v is no whole number that %s holds exactly", value, kind)
	}
	if low, high := IntegerRange(kind); value < low || value > high {
		return nil, fmt.Errorf("%v is outside %s, which holds %.0f to %.0f", value, kind, low, high)
	}
	// The low bytes of the 64-bit form are the shorter forms, signed or not.
	size := len(dst) + kind.Size()
	return binary.LittleEndian.AppendUint64(dst, uint64(int64(value)))[:size], nil
}

// Overflows reports whether a finite number is beyond a type of floats, which has an infinity in its place.
func Overflows(kind DataType, value float64) bool {
	var room [8]byte
	return kind.Float() && !math.IsInf(value, 0) && math.IsInf(FloatAt(kind, AppendFloat(room[:0], kind, value), 0), 0)
}

// UintAt reads the unsigned integer that data begins with.
func UintAt(kind DataType, data []byte) uint64 {
	switch kind.Size() {
	case 1:
		return uint64(data[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(data))
	case 4:
		return uint64(binary.LittleEndian.Uint32(data))
	}
	return binary.LittleEndian.Uint64(data)
}

// IntAt reads the signed integer that data begins with.
func IntAt(kind DataType, data []byte) int64 {
	shift := uint(64 - 8*kind.Size())
	return int64(UintAt(kind, data)<<shift) >> shift
}

// IntegerRange is what an integer type holds; an end of a type of 64 bits is rounded to the next number that there is.
func IntegerRange(kind DataType) (low, high float64) {
	spare := 64 - 8*kind.Size()
	if kind.Unsigned() {
		return 0, float64(uint64(math.MaxUint64) >> spare)
	}
	return float64(int64(math.MinInt64) >> spare), float64(int64(math.MaxInt64) >> spare)
}
