package onnxfile

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Protobuf wire types.
const (
	wireVarint = 0
	wireFixed8 = 1
	wireBytes  = 2
	wireFixed4 = 5
)

var errTruncated = errors.New("the data ends inside a field")

// field is one field of a message: number for varints and fixed values, data for
// length-delimited ones.
type field struct {
	id, wire int
	number   uint64
	data     []byte
}

// walk calls visit for each field of a message, in order, until one fails.
func walk(message []byte, visit func(field) error) error {
	for len(message) > 0 {
		f, rest, err := next(message)
		if err != nil {
			return err
		}
		if err := visit(f); err != nil {
			return err
		}
		message = rest
	}
	return nil
}

func next(b []byte) (f field, rest []byte, err error) {
	key, n := binary.Uvarint(b)
	if n <= 0 {
		return f, nil, errTruncated
	}
	b = b[n:]
	if key>>3 == 0 || key>>3 > 1<<29-1 {
		return f, nil, fmt.Errorf("field number %d is invalid", key>>3)
	}
	f.id, f.wire = int(key>>3), int(key&7)
	switch f.wire {
	case wireVarint:
		if f.number, n = binary.Uvarint(b); n <= 0 {
			return f, nil, errTruncated
		}
		return f, b[n:], nil
	case wireFixed8:
		if len(b) < 8 {
			return f, nil, errTruncated
		}
		f.number = binary.LittleEndian.Uint64(b)
		return f, b[8:], nil
	case wireFixed4:
		if len(b) < 4 {
			return f, nil, errTruncated
		}
		f.number = uint64(binary.LittleEndian.Uint32(b))
		return f, b[4:], nil
	case wireBytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return f, nil, errTruncated
		}
		end := n + int(size)
		f.data = b[n:end]
		return f, b[end:], nil
	}
	return f, nil, fmt.Errorf("wire type %d is invalid", f.wire)
}

// expect fails unless the field is length-delimited.
func (f field) expect(what string) error {
	if f.wire != wireBytes {
		return fmt.Errorf("%s has wire type %d", what, f.wire)
	}
	return nil
}

// entry reads a key and value message.
func entry(message []byte) (key, value string, err error) {
	err = walk(message, func(f field) error {
		switch f.id {
		case 1:
			key = string(f.data)
		case 2:
			value = string(f.data)
		}
		return nil
	})
	return key, value, err
}
