package onnxgen

import (
	"encoding/binary"
	"math"
)

// message is an encoded protobuf message. Field numbers are those of onnx.proto3.
type message []byte

const (
	varintField = 0
	bytesField  = 2
	floatType   = 1 // of TensorProto.DataType
	intsType    = 7 // of AttributeProto.AttributeType
)

func (m *message) key(field, wire int) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|uint64(wire))
}

func (m *message) int(field, v int) {
	m.key(field, varintField)
	*m = binary.AppendUvarint(*m, uint64(v))
}

func (m *message) string(field int, s string) { m.embed(field, message(s)) }

func (m *message) embed(field int, inner message) {
	m.key(field, bytesField)
	*m = binary.AppendUvarint(*m, uint64(len(inner)))
	*m = append(*m, inner...)
}

// node is a NodeProto; attributes may be added to it.
func node(op, output string, inputs ...string) message {
	var n message
	for _, in := range inputs {
		n.string(1, in)
	}
	n.string(2, output)
	n.string(3, output+"_"+op)
	n.string(4, op)
	return n
}

// tensor is a TensorProto of float32.
func tensor(name string, shape []int, next func() float32) message {
	var t message
	elements := 1
	for _, d := range shape {
		t.int(1, d)
		elements *= d
	}
	t.int(2, floatType)
	t.string(8, name)
	raw := make(message, 0, 4*elements)
	for range elements {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(next()))
	}
	t.embed(9, raw)
	return t
}

// ints is an AttributeProto of whole numbers.
func ints(name string, values ...int) message {
	var a message
	a.string(1, name)
	for _, v := range values {
		a.int(8, v)
	}
	a.int(20, intsType)
	return a
}

// value is a ValueInfoProto: float32 rows of a shape, with a free batch axis before it.
func value(name string, row ...int) message {
	var batch, shape, tensorType, kind, v message
	batch.string(2, "batch")
	shape.embed(1, batch)
	for _, d := range row {
		var dim message
		dim.int(1, d)
		shape.embed(1, dim)
	}
	tensorType.int(1, floatType)
	tensorType.embed(2, shape)
	kind.embed(1, tensorType)
	v.string(1, name)
	v.embed(2, kind)
	return v
}
