// Package protolist reads lists of numbers from protobuf messages that have them as repeated elements of field 1, packed, one
// by one, or both. Feast's lists are such (features/feast), and so are the encodings protobuf and snappy of a Redis hash
// (features/redis). It is pure: no I/O, no goroutine.
//
// Invariants: other fields are skipped; a message that is damaged, or whose elements are of another wire type, is Wrong;
// nothing is allocated.
package protolist

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// elementsField is the field that has the elements.
const elementsField protowire.Number = 1

// Elements is how the elements of a list are written.
type Elements struct {
	wire protowire.Type
	kind tensor.DataType                        // of those of fixed size: a tensor has the same bytes
	of   func(varint uint64) (v int64, ok bool) // of varints: what one means; not ok if it is no number
}

// Floats and Doubles are of fixed size.
var (
	Floats  = Elements{wire: protowire.Fixed32Type, kind: tensor.FP32}
	Doubles = Elements{wire: protowire.Fixed64Type, kind: tensor.FP64}
)

// Varints are whole numbers; of tells what each means. One that is no number becomes NaN.
func Varints(of func(varint uint64) (v int64, ok bool)) Elements {
	return Elements{wire: protowire.VarintType, of: of}
}

// Int64 is what a varint of int64 means.
func Int64(varint uint64) (v int64, ok bool) { return int64(varint), true }

// Put decodes a message into a column of a row.
func (e *Elements) Put(into *store.Rows, key, column int, message []byte) {
	if raw, ok := e.Raw(message); ok && len(raw) > e.kind.Size() { // of one alone SetRaw would take NaN for a missing value
		into.SetRaw(key, column, e.kind, raw)
		return
	}
	l := into.SetList(key, column)
	if !e.walk(&l, message) {
		into.SetWrong(key, column)
		return
	}
	l.End()
}

// Raw is the elements of a message that is one packed list, or one element, of fixed size: they are as in a tensor of Kind. It
// is not for an empty list.
func (e *Elements) Raw(message []byte) (raw []byte, ok bool) {
	if e.kind == tensor.Invalid {
		return nil, false
	}
	number, wire, n := protowire.ConsumeTag(message)
	if n < 0 || number != elementsField {
		return nil, false
	}
	switch message = message[n:]; wire {
	case protowire.BytesType:
		raw, n = protowire.ConsumeBytes(message)
	case e.wire:
		raw, n = message, e.kind.Size()
	default:
		return nil, false
	}
	return raw, n == len(message) && len(raw) > 0
}

// Kind is the type of elements of fixed size; Invalid of varints.
func (e *Elements) Kind() tensor.DataType { return e.kind }

// walk adds all elements of a message; it is false if the message is damaged.
func (e *Elements) walk(l *store.List, message []byte) (ok bool) {
	for len(message) > 0 {
		number, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			return false
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(number, wire, message); n < 0 {
			return false
		}
		content := message[:n]
		message = message[n:]
		switch {
		case number != elementsField:
			continue
		case wire == protowire.BytesType:
			content, _ = protowire.ConsumeBytes(content)
		case wire != e.wire:
			return false
		}
		for len(content) > 0 {
			if n = e.add(l, content); n < 0 {
				return false
			}
			content = content[n:]
		}
	}
	return true
}

// add adds the element that b begins with, and says how long it is; less than 0 if it is damaged.
func (e *Elements) add(l *store.List, b []byte) int {
	switch e.wire {
	case protowire.Fixed32Type:
		v, n := protowire.ConsumeFixed32(b)
		l.Float(float64(math.Float32frombits(v)))
		return n
	case protowire.Fixed64Type:
		v, n := protowire.ConsumeFixed64(b)
		l.Float(math.Float64frombits(v))
		return n
	}
	v, n := protowire.ConsumeVarint(b)
	if whole, ok := e.of(v); ok {
		l.Int(whole)
	} else {
		l.Float(math.NaN())
	}
	return n
}
