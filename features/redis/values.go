package redis

import (
	"math"
	"strconv"
	"unsafe"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

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

// elements is how the elements of a message are written.
type elements struct {
	wire protowire.Type
	kind tensor.DataType // of those of fixed size
}

func elementsOf(kind tensor.DataType) elements {
	switch {
	case kind.Integer() || kind == tensor.Bool:
		return elements{wire: protowire.VarintType}
	case kind == tensor.FP64:
		return elements{protowire.Fixed64Type, tensor.FP64}
	default:
		return elements{protowire.Fixed32Type, tensor.FP32}
	}
}

// messageBytes is the most that a message of a list can have: each element with a tag and the longest varint, and a tag and a
// length for all.
func messageBytes(width int) int { return width*(1+10) + 1 + 10 }

// elementsField is the field of the message that has the elements.
const elementsField protowire.Number = 1

// putMessage decodes a message with repeated elements in field 1, packed, alone or both. Other fields are skipped.
func putMessage(into *store.Rows, key, column int, e elements, b []byte) {
	if raw, ok := fixed(e, b); ok {
		into.SetRaw(key, column, e.kind, raw)
		return
	}
	l := into.SetList(key, column)
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			into.SetWrong(key, column)
			return
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(number, wire, b); n < 0 {
			into.SetWrong(key, column)
			return
		}
		content := b[:n]
		b = b[n:]
		switch {
		case number != elementsField:
			continue
		case wire == protowire.BytesType:
			content, _ = protowire.ConsumeBytes(content)
		case wire != e.wire:
			into.SetWrong(key, column)
			return
		}
		if !addElements(&l, e, content) {
			into.SetWrong(key, column)
			return
		}
	}
	l.End()
}

// fixed is the elements of a message that is one packed list, or one element, of fixed size: they are a copy. It is
// not for an empty list.
func fixed(e elements, b []byte) (raw []byte, ok bool) {
	if e.kind == tensor.Invalid {
		return nil, false
	}
	number, wire, n := protowire.ConsumeTag(b)
	if n < 0 || number != elementsField {
		return nil, false
	}
	switch b = b[n:]; wire {
	case protowire.BytesType:
		raw, n = protowire.ConsumeBytes(b)
	case e.wire:
		raw, n = b, e.kind.Size()
	default:
		return nil, false
	}
	return raw, n == len(b) && len(raw) > 0
}

func addElements(l *store.List, e elements, b []byte) bool {
	for len(b) > 0 {
		var n int
		switch e.wire {
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			l.Int(int64(v))
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			l.Float(float64(math.Float32frombits(v)))
		default:
			var v uint64
			v, n = protowire.ConsumeFixed64(b)
			l.Float(math.Float64frombits(v))
		}
		if n < 0 {
			return false
		}
		b = b[n:]
	}
	return true
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
	putMessage(into, key, column, v.elements, message)
}
