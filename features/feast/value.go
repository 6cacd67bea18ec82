package feast

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"sluice/features/protolist"
	"sluice/features/store"
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

// floatTag is the tag before a float.
const floatTag = byte(float)<<3 | byte(protowire.Fixed32Type)

// noTime is how "not a time" is stored.
const noTime = math.MinInt64

// scalar is how a field of one number is written; of others it is not ok.
func scalar(field protowire.Number) (wire protowire.Type, ok bool) {
	switch field {
	case int32Value, int64Value, boolValue, timeValue:
		return protowire.VarintType, true
	case double:
		return protowire.Fixed64Type, true
	case float:
		return protowire.Fixed32Type, true
	}
	return 0, false
}

// How the lists of numbers are written.
var (
	int32s = protolist.Varints(func(v uint64) (int64, bool) { return int64(int32(v)), true })
	int64s = protolist.Varints(protolist.Int64)
	bools  = protolist.Varints(func(v uint64) (int64, bool) { return int64(min(v, 1)), true })
	times  = protolist.Varints(func(v uint64) (int64, bool) { return int64(v), int64(v) != noTime })
)

// listOf is how a field that is a list of numbers is written; nil of others.
func listOf(field protowire.Number) *protolist.Elements {
	switch field {
	case int32List:
		return &int32s
	case int64List:
		return &int64s
	case doubleList:
		return &protolist.Doubles
	case floatList:
		return &protolist.Floats
	case boolList:
		return &bools
	case timeList:
		return &times
	}
	return nil
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
	if elements := listOf(field); elements != nil && wire == protowire.BytesType {
		elements.Put(into, key, column, content)
		return
	}
	if want, number := scalar(field); number && wire == want {
		putScalar(into, key, column, field, content)
		return
	}
	into.SetWrong(key, column)
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
