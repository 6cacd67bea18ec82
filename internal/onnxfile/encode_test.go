package onnxfile

import (
	"encoding/binary"
	"slices"
)

// A minimal writer of the wire format, so that tests can make files that no exporter
// writes.

func varint(id int, n uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(id)<<3|wireVarint), n)
}

func message(id int, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	b := binary.AppendUvarint(nil, uint64(id)<<3|wireBytes)
	return append(binary.AppendUvarint(b, uint64(len(body))), body...)
}

func text(id int, s string) []byte { return message(id, []byte(s)) }

// model has the graph's fields and further fields of the model.
func model(graph [][]byte, more ...[]byte) []byte {
	return slices.Concat(append([][]byte{varint(1, 8), message(7, graph...)}, more...)...)
}

// sized is a tensor type: a dimension is an int (a size), a string (a name) or nil.
func sized(element int, dims ...any) []byte {
	var shape [][]byte
	for _, d := range dims {
		var one []byte
		switch d := d.(type) {
		case int:
			one = varint(1, uint64(d))
		case string:
			one = text(2, d)
		}
		shape = append(shape, message(1, one))
	}
	return message(1, varint(1, uint64(element)), message(2, shape...))
}

const (
	inputs  = 11
	outputs = 12
)

func named(side int, name string, types ...[]byte) []byte {
	return message(side, text(1, name), message(2, types...))
}

func node(domain, op string, more ...[]byte) []byte {
	return message(1, append(more, text(4, op), text(7, domain))...)
}

// in and out are float tensors named x and y.
func in(dims ...any) []byte  { return named(inputs, "x", sized(1, dims...)) }
func out(dims ...any) []byte { return named(outputs, "y", sized(1, dims...)) }

func graph(fields ...[]byte) [][]byte { return fields }
