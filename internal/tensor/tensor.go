// Package tensor is the leaf noun of the gateway: named, typed, shaped buffers
// and the schemas that describe them.
//
// A tensor's bytes are always the protocol's binary form: row-major, little
// endian, without padding; a Bytes tensor is the concatenation of its elements,
// each a 4-byte little-endian length and that many bytes. So a binary request is
// carried without conversion, and gathering rows is copying.
//
// Row r of a batchable tensor is index r on axis 0.
package tensor

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// Tensor is a named, typed, shaped view of bytes. It does not own them.
type Tensor struct {
	Name  string
	Type  DataType
	Shape []int64
	Data  []byte
}

// Elements is the product of a shape's dimensions: 1 for a scalar, 0 if any
// dimension is 0. ok is false if a dimension is negative or the product overflows.
func Elements(shape []int64) (n int64, ok bool) {
	n = 1
	overflow := false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, false
		case d == 0:
			n = 0
		case n > (1<<63-1)/d:
			overflow = true
		default:
			n *= d
		}
	}
	if overflow && n != 0 {
		return 0, false
	}
	return n, true
}

// AppendShape appends a shape as the protocol's JSON has it: [-1,16].
func AppendShape(dst []byte, shape []int64) []byte {
	dst = append(dst, '[')
	for i, n := range shape {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, n, 10)
	}
	return append(dst, ']')
}

// ShapeText is a shape as AppendShape writes it.
func ShapeText(shape []int64) string { return string(AppendShape(nil, shape)) }

// RowElements is the elements of one row of a batchable tensor: the product of
// all dimensions but the first. The shape must be valid.
func RowElements(shape []int64) int {
	n := int64(1)
	for _, d := range shape[1:] {
		n *= d
	}
	return int(n)
}

// BytesSpan returns the part of a Bytes tensor's data that holds count elements
// from element first on. It fails if the data ends early.
func BytesSpan(data []byte, first, count int) ([]byte, error) {
	from, err := skipBytes(data, 0, first)
	if err != nil {
		return nil, err
	}
	to, err := skipBytes(data, from, count)
	if err != nil {
		return nil, err
	}
	return data[from:to], nil
}

// BytesCount counts the elements of a Bytes tensor's data.
func BytesCount(data []byte) (int, error) {
	n := 0
	for at := 0; at < len(data); n++ {
		next, err := skipBytes(data, at, 1)
		if err != nil {
			return 0, err
		}
		at = next
	}
	return n, nil
}

func skipBytes(data []byte, at, count int) (int, error) {
	for range count {
		if len(data)-at < 4 {
			return 0, fmt.Errorf("string data ends at byte %d inside a length prefix", len(data))
		}
		size := int(binary.LittleEndian.Uint32(data[at:]))
		at += 4
		if size > len(data)-at {
			return 0, fmt.Errorf("string of %d bytes at byte %d passes the end of the data (%d bytes)", size, at, len(data))
		}
		at += size
	}
	return at, nil
}

// AppendBytes appends one element of a Bytes tensor.
func AppendBytes[T string | []byte](dst []byte, element T) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(element)))
	return append(dst, element...)
}
