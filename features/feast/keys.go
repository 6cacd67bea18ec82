package feast

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"sluice/features/store"
)

// KeyLayout is the form of an entity's key.
type KeyLayout uint8

// The layouts: Feast's versions 3 (its default) and 2 of the form, and the protobuf message of Feast 0.10, which
// Merlin writes.
const (
	V3 KeyLayout = iota
	V2
	RedisKeyV2
)

var keyLayouts = []string{V3: "v3", V2: "v2", RedisKeyV2: "redis_key_v2"}

// String is the layout's name in settings.
func (l KeyLayout) String() string { return keyLayouts[l] }

// ParseKeyLayout reads that name; none is V3.
func ParseKeyLayout(name string) (KeyLayout, error) {
	if name == "" {
		return V3, nil
	}
	if i := slices.Index(keyLayouts, name); i >= 0 {
		return KeyLayout(i), nil
	}
	return 0, fmt.Errorf("%q is no layout of entity keys: it must be one of %s", name, strings.Join(keyLayouts, ", "))
}

// Types of values in a serialized key.
const (
	typeString = 2
	typeInt32  = 3
	typeInt64  = 4
)

// Keys writes the keys of a group's entities. It does not change.
type Keys struct {
	columns []store.KeyColumn
	sorted  []int // of columns, by name
	message bool
	head    []byte // what all keys begin with
	tail    []byte // what all keys end with
}

// NewKeys makes it. The project stands behind the key in Redis; give none for a store that has a table for each.
func NewKeys(g *store.Group, layout KeyLayout, project string) *Keys {
	k := &Keys{columns: g.Keys, sorted: make([]int, len(g.Keys)), message: layout == RedisKeyV2}
	for i := range k.sorted {
		k.sorted[i] = i
	}
	slices.SortFunc(k.sorted, func(a, b int) int { return strings.Compare(g.Keys[a].Name, g.Keys[b].Name) })
	if k.message {
		if project != "" {
			k.head = protowire.AppendString(protowire.AppendTag(k.head, 1, protowire.BytesType), project)
		}
		for _, i := range k.sorted {
			k.head = protowire.AppendString(protowire.AppendTag(k.head, 2, protowire.BytesType), g.Keys[i].Name)
		}
		return k
	}
	if layout == V3 {
		k.head = binary.LittleEndian.AppendUint32(k.head, uint32(len(g.Keys)))
	}
	for _, i := range k.sorted {
		k.head = binary.LittleEndian.AppendUint32(k.head, typeString)
		if layout == V3 {
			k.head = binary.LittleEndian.AppendUint32(k.head, uint32(len(g.Keys[i].Name)))
		}
		k.head = append(k.head, g.Keys[i].Name...)
	}
	k.tail = []byte(project)
	return k
}

// Append appends the key of an entity.
func (k *Keys) Append(dst []byte, key store.Key) []byte {
	dst = append(dst, k.head...)
	for _, at := range k.sorted {
		// Keys are short: walking one again costs less than a place to remember its parts.
		var value []byte
		rest := key
		for i := 0; i <= at; i++ {
			value, rest = rest.Next(k.columns[i].Type)
		}
		if k.message {
			dst = appendMessage(dst, k.columns[at].Type, value)
		} else {
			dst = appendPart(dst, k.columns[at].Type, value)
		}
	}
	return append(dst, k.tail...)
}

func appendPart(dst []byte, kind store.KeyType, value []byte) []byte {
	number := uint32(typeInt64)
	switch kind {
	case store.Int32:
		number = typeInt32
	case store.Text:
		number = typeString
	}
	dst = binary.LittleEndian.AppendUint32(dst, number)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

// appendMessage appends the value as a field of the message: a Value, which has the numbers of types as those of its fields.
func appendMessage(dst []byte, kind store.KeyType, value []byte) []byte {
	dst = protowire.AppendTag(dst, 3, protowire.BytesType)
	if kind == store.Text {
		size := protowire.SizeTag(typeString) + protowire.SizeBytes(len(value))
		dst = protowire.AppendTag(protowire.AppendVarint(dst, uint64(size)), typeString, protowire.BytesType)
		return protowire.AppendBytes(dst, value)
	}
	number, v := protowire.Number(typeInt64), uint64(store.Int(kind, value))
	if kind == store.Int32 {
		number = typeInt32
	}
	size := protowire.SizeTag(number) + protowire.SizeVarint(v)
	dst = protowire.AppendTag(protowire.AppendVarint(dst, uint64(size)), number, protowire.VarintType)
	return protowire.AppendVarint(dst, v)
}
