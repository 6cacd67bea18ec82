package feast

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// The fields of Feast's message Value, of which one is set.
const (
	nothing    protowire.Number = 0
	bytesValue protowire.Number = 1
	int32Value protowire.Number = 3
	int64Value protowire.Number = 4
	double     protowire.Number = 5
	float      protowire.Number = 6
	boolValue  protowire.Number = 7
	timeValue  protowire.Number = 8
	int32List  protowire.Number = 13
	int64List  protowire.Number = 14
	doubleList protowire.Number = 15
	floatList  protowire.Number = 16
	boolList   protowire.Number = 17
	timeList   protowire.Number = 18
	nullValue  protowire.Number = 19
)

// listElement is the field of a list's message that holds the elements.
const listElement protowire.Number = 1

// floatTag is the tag before a float.
const floatTag = byte(float)<<3 | byte(protowire.Fixed32Type)

// noTime is how "not a time" is stored.
const noTime = math.MinInt64

// scalar is how a field of one element is written, and an element of a list of such: of none, it is no number.
func scalar(field protowire.Number) (wire protowire.Type, ok bool) {
	switch field {
	case int32Value, int64Value, boolValue, timeValue, int32List, int64List, boolList, timeList:
		return protowire.VarintType, true
	case double, doubleList:
		return protowire.Fixed64Type, true
	case float, floatList:
		return protowire.Fixed32Type, true
	}
	return 0, false
}

// Put decodes a stored value into a column of a row. No bytes are a value that is missing.
func Put(into *store.Rows, key, column int, value []byte) {
	if len(value) == 5 && value[0] == floatTag { // most are such
		into.SetFloat(key, column, float64(math.Float32frombits(binary.LittleEndian.Uint32(value[1:]))))
		return
	}
	field, wire, content, ok := last(value)
	if !ok {
		into.SetWrong(key, column)
		return
	}
	if field == nothing || field == nullValue {
		return // as Reset left it: missing
	}
	element, number := scalar(field)
	switch {
	case number && field >= int32List && wire == protowire.BytesType:
		putList(into, key, column, field, element, content)
	case number && field < int32List && wire == element:
		putScalar(into, key, column, field, content)
	default:
		into.SetWrong(key, column)
	}
}

// last finds the field of a message that counts: of several in a oneof it is the last. content is what stands behind
// the tag, without the length in front of bytes.
func last(message []byte) (field protowire.Number, wire protowire.Type, content []byte, ok bool) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return 0, 0, nil, false
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return 0, 0, nil, false
		}
		// Unknown fields give way to those that are known, wherever they stand; alone they are a value of an unknown kind.
		if number <= nullValue || field == nothing {
			field, wire, content = number, kind, message[:n]
		}
		message = message[n:]
	}
	if wire == protowire.BytesType && field != nothing {
		content, _ = protowire.ConsumeBytes(content)
	}
	return field, wire, content, true
}

func putScalar(into *store.Rows, key, column int, field protowire.Number, content []byte) {
	switch field {
	case double:
		v, _ := protowire.ConsumeFixed64(content)
		into.SetFloat(key, column, math.Float64frombits(v))
		return
	case float:
		v, _ := protowire.ConsumeFixed32(content)
		into.SetFloat(key, column, float64(math.Float32frombits(v)))
		return
	}
	switch v, _ := protowire.ConsumeVarint(content); {
	case field == boolValue:
		into.SetBool(key, column, v != 0)
	case field == int32Value:
		into.SetInt(key, column, int64(int32(v)))
	case field != timeValue || int64(v) != noTime:
		into.SetInt(key, column, int64(v))
	}
}

// putList decodes a message of elements in field 1, packed, alone or both.
func putList(into *store.Rows, key, column int, field protowire.Number, element protowire.Type, message []byte) {
	l := into.SetList(key, column)
	for first := true; len(message) > 0; first = false {
		number, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			into.SetWrong(key, column)
			return
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(number, wire, message); n < 0 {
			into.SetWrong(key, column)
			return
		}
		elements := message[:n]
		message = message[n:]
		switch {
		case number != listElement:
			continue
		case wire == protowire.BytesType:
			elements, _ = protowire.ConsumeBytes(elements)
		case wire != element:
			into.SetWrong(key, column)
			return
		}
		if kind := copied(field); first && len(message) == 0 && kind != tensor.Invalid && len(elements) > kind.Size() {
			into.SetRaw(key, column, kind, elements)
			return
		}
		for len(elements) > 0 {
			n := addElement(&l, field, elements)
			if n < 0 {
				into.SetWrong(key, column)
				return
			}
			elements = elements[n:]
		}
	}
	l.End()
}

// copied is the type of elements whose packed form is that of a tensor, so that a list is one copy.
func copied(field protowire.Number) tensor.DataType {
	switch field {
	case doubleList:
		return tensor.FP64
	case floatList:
		return tensor.FP32
	}
	return tensor.Invalid
}

// addElement adds the element that b begins with, and says how long it is; less than 0 if it is damaged.
func addElement(l *store.List, field protowire.Number, b []byte) int {
	switch field {
	case doubleList:
		v, n := protowire.ConsumeFixed64(b)
		l.Float(math.Float64frombits(v))
		return n
	case floatList:
		v, n := protowire.ConsumeFixed32(b)
		l.Float(float64(math.Float32frombits(v)))
		return n
	}
	v, n := protowire.ConsumeVarint(b)
	switch {
	case field == boolList && v != 0:
		l.Int(1)
	case field == int32List:
		l.Int(int64(int32(v)))
	case field == timeList && int64(v) == noTime:
		l.Float(math.NaN())
	default:
		l.Int(int64(v))
	}
	return n
}
