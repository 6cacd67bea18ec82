package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"sluice/internal/tensor"
)

// KeyType is the type of an entity's value in a key.
type KeyType uint8

// The types. Which of the two integers it is changes the bytes under which stores keep a row.
const (
	Int64 KeyType = iota + 1
	Int32
	Text
)

var keyTypes = map[KeyType]string{Int64: "INT64", Int32: "INT32", Text: "BYTES"}

// String is the protocol's name of the type.
func (k KeyType) String() string { return keyTypes[k] }

// ParseKeyType reads that name; it is 0, no type, for another.
func ParseKeyType(name string) KeyType {
	for kind, of := range keyTypes {
		if of == name {
			return kind
		}
	}
	return 0
}

// KeyColumn is one of the values that name an entity.
type KeyColumn struct {
	// Name is the join key, as the store knows it.
	Name string
	Type KeyType
}

// Column is one value of a group: a feature, of one number or a list.
type Column struct {
	// Name is the feature's, without the group or view.
	Name string
	// Type is that of the elements in the tensor: any but Bytes.
	Type tensor.DataType
	// Width is the elements of a list; 1 for a number.
	Width int
	// Stored is the type in which stores with a layout of their own (native, flat) keep it; Invalid if they keep it as Type.
	Stored tensor.DataType

	offset int // in the row
}

// Size is the bytes of the column in a row.
func (c *Column) Size() int { return c.Width * c.Type.Size() }

// Group is the columns that are read together for an entity.
type Group struct {
	// Name is the group's in the model's settings, View that under which the store keeps it.
	Name, View string
	Keys       []KeyColumn
	Columns    []Column
	// MaxAge is how old values may be, 0 if it is not judged: a store may read from a place that is behind by less.
	MaxAge time.Duration

	rowBytes int
	hash     uint64
	present  []State // of a row that has all
}

// NewGroup completes a group: the layout of its rows, which has the columns in their order.
func NewGroup(g Group) (*Group, error) {
	if len(g.Keys) == 0 || len(g.Columns) == 0 {
		return nil, errors.New("a group has at least one key and one column")
	}
	for i := range g.Keys {
		if g.Keys[i].Type.String() == "" {
			return nil, fmt.Errorf("key %q has no type", g.Keys[i].Name)
		}
	}
	g.Columns = slices.Clone(g.Columns) // their places in the row are this group's alone
	g.rowBytes = 0
	h := fnv.New64a()
	for i := range g.Columns {
		c := &g.Columns[i]
		if c.Type.Size() == 0 || c.Width < 1 {
			return nil, fmt.Errorf("column %q is of %d %s: it must have a length and a type of fixed size", c.Name, c.Width, c.Type)
		}
		c.offset = g.rowBytes
		g.rowBytes += c.Size()
		fmt.Fprintf(h, "%q %d %d %d;", c.Name, c.Type, c.Stored, c.Width)
	}
	g.hash = h.Sum64()
	g.present = slices.Repeat([]State{Present}, len(g.Columns))
	return &g, nil
}

// RowBytes is the bytes of a decoded row.
func (g *Group) RowBytes() int { return g.rowBytes }

// Offset is where a column begins in a row.
func (g *Group) Offset(column int) int { return g.Columns[column].offset }

// Layout tells layouts of rows apart: two groups with equal columns in the same order have the same.
func (g *Group) Layout() uint64 { return g.hash }

// Column finds a column by name; -1 if there is none.
func (g *Group) Column(name string) int {
	for i := range g.Columns {
		if g.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// Key is the values that name an entity, in the order of Group.Keys: an Int64 is eight bytes and an Int32 four,
// little-endian, a Text its length in four bytes and then itself.
type Key []byte

// AppendInt appends a whole number to a key. It must fit the type.
func AppendInt(dst Key, kind KeyType, v int64) Key {
	if kind == Int32 {
		return binary.LittleEndian.AppendUint32(dst, uint32(int32(v)))
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(v))
}

// MaxText is the longest text that names an entity: stores keep keys in their indexes, and a text that is given once may stand in the
// keys of many rows.
const MaxText = 1 << 10

// AppendText appends a text to a key.
func AppendText[T string | []byte](dst Key, v T) Key {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(v))), v...)
}

// Next takes the first value off a key: its bytes without the length in front, and the rest.
func (k Key) Next(kind KeyType) (value []byte, rest Key) {
	n := 8
	switch kind {
	case Int32:
		n = 4
	case Text:
		n = int(binary.LittleEndian.Uint32(k))
		k = k[4:]
	}
	return k[:n:n], k[n:]
}

// Int reads the bytes of a whole number that Next gave.
func Int(kind KeyType, value []byte) int64 {
	if kind == Int32 {
		return int64(int32(binary.LittleEndian.Uint32(value)))
	}
	return int64(binary.LittleEndian.Uint64(value))
}
