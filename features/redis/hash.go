package redis

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sluice/features/protolist"
	"sluice/features/store"
	"sluice/internal/tensor"
)

// Hash is how a view lies in hashes that no feature store defines.
type Hash struct {
	// Key is the template of a hash's key, such as "user:{user_id}": {name} is the value of a join key, as text. A brace
	// that is itself meant, as in a cluster's hash tags, is written twice.
	Key string
	// Names is how fields are named after features; Plain if it is not set.
	Names Names
	// Value is how values are encoded, Text if it is not set; Values overrides it for features, by name.
	Value  Encoding
	Values map[string]Encoding
	// Time is the field of the time when the values became true: text, in seconds since 1970, with a fraction or without. It is
	// named as features are. None: the time is not known.
	Time string
}

// Names is how the fields of a hash are named after features.
type Names string

// The ways of naming. XXHash32 is the hash of the name in its canonical form: four bytes, the highest first.
const (
	Plain    Names = "plain"
	XXHash32 Names = "xxhash32"
)

// Encoding is how a value is written.
type Encoding string

// The encodings. The elements of a message are those of the column's stored type: float for FP32 and shorter floats,
// double for FP64, and varints for whole numbers and truth values.
const (
	// Text is a number in decimal digits.
	Text Encoding = "text"
	// F32LE is a number or a list as floats of four bytes, little-endian.
	F32LE Encoding = "f32le"
	// Protobuf is a number or a list as a message with repeated elements in field 1.
	Protobuf Encoding = "protobuf"
	// Snappy is such a message as a block of snappy.
	Snappy Encoding = "snappy"
)

// hashView reads a view of layout hash.
type hashView struct {
	parts   []part
	columns []store.KeyColumn
	values  []value // by column
	time    int     // the field of it
}

// part is a piece of a key: what stands in the template, and then the value of a join key, -1 for none.
type part struct {
	text string
	key  int
}

// value is how a column's values are decoded.
type value struct {
	encoding Encoding
	elements protolist.Elements
	whole    bool
	// most is the most bytes that the message of a list can have.
	most int
}

func newHash(g *store.Group, o *Options) (*hashView, []string, error) {
	h, found := o.Hashes[g.View]
	if !found {
		if h, found = o.Hashes[""]; !found {
			return nil, nil, fmt.Errorf("view %q is not described: name it, or \"\" for all views, under `hashes` of the store", g.View)
		}
	}
	v := &hashView{columns: g.Keys, time: len(g.Columns)}
	var err error
	if v.parts, err = parseKey(h.Key, g.Keys); err != nil {
		return nil, nil, err
	}
	var name func(string) string
	switch cmp.Or(h.Names, Plain) {
	case Plain:
		name = func(s string) string { return s }
	case XXHash32:
		name = func(s string) string { return string(binary.BigEndian.AppendUint32(nil, xxHash32(s))) }
	default:
		return nil, nil, fmt.Errorf("names %q: it must be %s or %s", h.Names, Plain, XXHash32)
	}
	var fields []string
	for i := range g.Columns {
		c := &g.Columns[i]
		decoded, err := newValue(c, cmp.Or(h.Values[c.Name], h.Value, Text))
		if err != nil {
			return nil, nil, err
		}
		v.values = append(v.values, decoded)
		fields = append(fields, name(c.Name))
	}
	if h.Time != "" {
		fields = append(fields, name(h.Time))
	}
	return v, fields, nil
}

func newValue(c *store.Column, e Encoding) (value, error) {
	kind := cmp.Or(c.Stored, c.Type)
	v := value{encoding: e, elements: elementsOf(kind), whole: kind.Integer() || kind == tensor.Bool, most: messageBytes(c.Width)}
	switch e {
	case Text:
		if c.Width != 1 {
			return v, fmt.Errorf("feature %q is a list of %d and its encoding is %s, which is for single numbers: it must be %s, %s or %s",
				c.Name, c.Width, Text, F32LE, Protobuf, Snappy)
		}
	case F32LE, Protobuf, Snappy:
	default:
		return v, fmt.Errorf("feature %q has encoding %q: it must be %s, %s, %s or %s", c.Name, e, Text, F32LE, Protobuf, Snappy)
	}
	return v, nil
}

// parseKey splits a template. Each join key is in it, since entities would share a hash without it.
func parseKey(template string, keys []store.KeyColumn) (parts []part, err error) {
	var text strings.Builder
	used := make([]bool, len(keys))
	for rest := template; rest != ""; {
		if strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			text.WriteByte(rest[0])
			rest = rest[2:]
			continue
		}
		if rest[0] != '{' {
			text.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		name, after, closed := strings.Cut(rest[1:], "}")
		at := slices.IndexFunc(keys, func(k store.KeyColumn) bool { return k.Name == name })
		if !closed || at < 0 {
			return nil, fmt.Errorf("key %q of a hash: {%s} is none of the group's join keys (a brace that is meant itself is written twice)", template, name)
		}
		used[at] = true
		parts = append(parts, part{text.String(), at})
		text.Reset()
		rest = after
	}
	for i := range keys {
		if !used[i] {
			return nil, fmt.Errorf("key %q of a hash has no {%s}: entities would share one hash", template, keys[i].Name)
		}
	}
	return append(parts, part{text.String(), -1}), nil
}

func (v *hashView) key(dst []byte, k store.Key) []byte {
	for i := range v.parts {
		p := &v.parts[i]
		dst = append(dst, p.text...)
		if p.key < 0 {
			continue
		}
		// Keys are short: walking one again costs less than a place to remember its parts.
		var one []byte
		rest := k
		for j := 0; j <= p.key; j++ {
			one, rest = rest.Next(v.columns[j].Type)
		}
		if kind := v.columns[p.key].Type; kind == store.Text {
			dst = append(dst, one...)
		} else {
			dst = strconv.AppendInt(dst, store.Int(kind, one), 10)
		}
	}
	return dst
}

func (v *hashView) put(into *store.Rows, key, field int, b []byte, scratch *[]byte) {
	if field == v.time {
		into.SetTime(key, timeOf(b))
		return
	}
	switch c := &v.values[field]; c.encoding {
	case Text:
		putText(into, key, field, c.whole, b)
	case F32LE:
		into.SetRaw(key, field, tensor.FP32, b)
	case Protobuf:
		putMessage(into, key, field, &c.elements, b)
	case Snappy:
		putBlock(into, key, field, c, b, scratch)
	}
}
