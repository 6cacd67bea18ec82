package redis

import (
	"math"
	"strconv"
	"unsafe"

	"github.com/klauspost/compress/snappy"

	"sluice/features/protolist"
	"sluice/features/store"
	"sluice/internal/tensor"
)

// putText decodes a number in digits. Most values are one digit, mostly 0.
func putText(into *store.Rows, key, column int, whole bool, b []byte) {
	if len(b) == 1 && '0' <= b[0] && b[0] <= '9' {
		into.SetInt(key, column, int64(b[0]-'0'))
		return
	}
	text := unsafe.String(unsafe.SliceData(b), len(b))
	if whole { // a float would round large ones
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			into.SetInt(key, column, v)
			return
		}
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		into.SetFloat(key, column, v)
		return
	}
	into.SetWrong(key, column)
}

// timeOf reads seconds since 1970 as nanoseconds: 0, not known, if they are no number or beyond what nanoseconds can say.
func timeOf(b []byte) int64 {
	const most = math.MaxInt64 / 1_000_000_000
	text := unsafe.String(unsafe.SliceData(b), len(b))
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && -most <= v && v <= most {
		return v * 1e9
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > most {
		return 0
	}
	whole, part := math.Modf(v)
	return int64(whole)*1e9 + int64(math.Round(part*1e6))*1e3 // a float of today's seconds is good to a microsecond
}

// elementsOf is how the elements of a list of a type are written.
func elementsOf(kind tensor.DataType) protolist.Elements {
	switch {
	case kind.Integer() || kind == tensor.Bool:
		return protolist.Varints(protolist.Int64)
	case kind == tensor.FP64:
		return protolist.Doubles
	default:
		return protolist.Floats
	}
}

// messageBytes is the most that a message of a list can have: each element with a tag and the longest varint, and a tag and a
// length for all.
func messageBytes(width int) int { return width*(1+10) + 1 + 10 }

// putMessage decodes a message of a number or a list. A number that is NaN is missing.
func putMessage(into *store.Rows, key, column int, e *protolist.Elements, b []byte) {
	if raw, ok := e.Raw(b); ok {
		into.SetRaw(key, column, e.Kind(), raw)
		return
	}
	e.Put(into, key, column, b)
}

// putBlock decodes a block of snappy with such a message. A block that says that it is longer than a list of the column's
// width can be is not unpacked.
func putBlock(into *store.Rows, key, column int, v *value, b []byte, scratch *[]byte) {
	n, err := snappy.DecodedLen(b)
	if err != nil || n > v.most {
		into.SetWrong(key, column)
		return
	}
	if cap(*scratch) < n {
		*scratch = make([]byte, n)
	}
	message, err := snappy.Decode((*scratch)[:n], b)
	if err != nil {
		into.SetWrong(key, column)
		return
	}
	putMessage(into, key, column, &v.elements, message)
}
