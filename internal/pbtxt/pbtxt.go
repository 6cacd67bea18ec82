package pbtxt

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"sluice/internal/near"
)

// MaxBytes bounds a file, and maxMessages the messages in it, each of which takes far more memory
// than its text; MaxDepth is the deepest nesting of a valid one, and a little more.
const (
	MaxBytes    = 1 << 20
	MaxDepth    = 16
	maxMessages = 10_000
)

// Message is what a file, or a part of it, sets. The zero value sets nothing.
type Message struct{ m protoreflect.Message }

// Parse reads a file. An error names the line.
func Parse(text []byte) (_ Message, err error) {
	if len(text) > MaxBytes {
		return Message{}, fmt.Errorf("it has %d bytes; the limit is %d", len(text), MaxBytes)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors of Windows put it there
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return Message{}, errors.New("it is UTF-16; save it as UTF-8")
	}
	if n := bytes.Count(text, []byte("{")) + bytes.Count(text, []byte("<")); n > maxMessages {
		return Message{}, fmt.Errorf("it opens %d braces; the limit is %d", n, maxMessages)
	}
	defer func() {
		// A file of an operator must not end the server, whatever the library makes of it.
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it is no text of a protocol buffer: %v", cause)
		}
	}()
	m := dynamicpb.NewMessage(described())
	options := prototext.UnmarshalOptions{AllowPartial: true, Resolver: new(protoregistry.Types), RecursionLimit: MaxDepth}
	if err := options.Unmarshal(text, m); err != nil {
		return Message{}, plain(err)
	}
	return Message{m}, nil
}

// position is where the library says that a fault is.
var position = regexp.MustCompile(`\(line (\d+):\d+\): `)

// plain puts the library's message in this project's words.
func plain(err error) error {
	text := strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto:"))
	line := ""
	if at := position.FindStringSubmatchIndex(text); at != nil {
		line = "line " + text[at[2]:at[3]] + ": "
		before, after := strings.TrimSpace(text[:at[0]]), text[at[1]:]
		if text = after; before != "" {
			text = before + ": " + after
		}
	}
	if name, unknown := strings.CutPrefix(text, "unknown field: "); unknown {
		text = fmt.Sprintf("there is no field %.64q", name) + nearest(name)
	}
	if value, unknown := strings.CutPrefix(text, "invalid value for enum type: "); unknown {
		text += nearestValue(value)
	}
	return errors.New(line + printable(text[:min(len(text), 300)]))
}

// printable leaves nothing in a text that a terminal or a log would not show.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(text, "?"))
}

// nearestValue names the value of an enumeration that somebody may have meant who wrote another, or
// left out what all its values begin with: KIND_GPU for GPU.
func nearestValue(name string) string {
	var all []string
	for _, values := range enums {
		all = append(all, strings.Fields(values)...)
	}
	slices.Sort(all)
	if at := slices.IndexFunc(all, func(value string) bool { return strings.HasSuffix(value, "_"+strings.ToUpper(name)) }); at >= 0 {
		return meant(all[at : at+1])
	}
	return meant(near.Misses(name, all))
}

// nearest names the field that somebody may have meant who wrote another name. A field of another
// message may have just that name, and was not meant.
func nearest(name string) string {
	var all []string
	for message := range messages {
		all = append(all, Known(message)...)
	}
	slices.Sort(all)
	return meant(near.Misses(name, slices.DeleteFunc(slices.Compact(all), func(field string) bool { return field == name })))
}

// meant asks for the first of some names, if there is one.
func meant(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", names[0])
}

// Fields are the names of the fields that are set, in the order of their description.
func (m Message) Fields() []string {
	var names []string
	if m.m == nil {
		return nil
	}
	fields := m.m.Descriptor().Fields()
	for i := range fields.Len() {
		if m.m.Has(fields.Get(i)) {
			names = append(names, string(fields.Get(i).Name()))
		}
	}
	return names
}

// Has tells whether a field is set; a list or a map is set if it has an entry.
func (m Message) Has(field string) bool { return m.m != nil && m.m.Has(m.field(field)) }

// Text is a string, or the name of an enumeration's value; empty if it is not set.
func (m Message) Text(field string) string {
	if !m.Has(field) {
		return ""
	}
	f := m.field(field)
	if f.Enum() != nil {
		return string(f.Enum().Values().ByNumber(m.m.Get(f).Enum()).Name())
	}
	return m.m.Get(f).String()
}

// Int is a whole number; 0 if it is not set.
func (m Message) Int(field string) int64 {
	if !m.Has(field) {
		return 0
	}
	return whole(m.field(field), m.m.Get(m.field(field)))
}

// Bool is false if it is not set.
func (m Message) Bool(field string) bool { return m.Has(field) && m.m.Get(m.field(field)).Bool() }

// Message is a part; it sets nothing if it is not there.
func (m Message) Message(field string) Message {
	if !m.Has(field) {
		return Message{}
	}
	return Message{m.m.Get(m.field(field)).Message()}
}

// Messages are the entries of a list.
func (m Message) Messages(field string) []Message {
	var all []Message
	for i := range m.Len(field) {
		all = append(all, Message{m.m.Get(m.field(field)).List().Get(i).Message()})
	}
	return all
}

// Ints are the whole numbers of a list.
func (m Message) Ints(field string) []int64 {
	all := []int64{}
	for i := range m.Len(field) {
		all = append(all, whole(m.field(field), m.m.Get(m.field(field)).List().Get(i)))
	}
	return all
}

// Keys are the keys of a map, sorted.
func (m Message) Keys(field string) []string {
	var keys []string
	if m.Has(field) {
		m.m.Get(m.field(field)).Map().Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
			keys = append(keys, k.String())
			return true
		})
	}
	slices.Sort(keys)
	return keys
}

// Len is the number of entries of a list.
func (m Message) Len(field string) int {
	if !m.Has(field) {
		return 0
	}
	return m.m.Get(m.field(field)).List().Len()
}

// Enabled tells whether a field is set to something else than false.
func (m Message) Enabled(field string) bool {
	f := m.field(field)
	return m.Has(field) && (f.Kind() != protoreflect.BoolKind || f.IsList() || m.m.Get(f).Bool())
}

// IsList tells whether a field is a list.
func (m Message) IsList(field string) bool { return m.field(field).IsList() }

// IsMap tells whether a field is a map.
func (m Message) IsMap(field string) bool { return m.field(field).IsMap() }

// Parts are the messages that a field holds: one, those of its list, or none.
func (m Message) Parts(field string) []Message {
	f := m.field(field)
	switch {
	case f.Message() == nil || f.IsMap():
		return nil
	case f.IsList():
		return m.Messages(field)
	}
	return []Message{m.Message(field)}
}

func (m Message) field(name string) protoreflect.FieldDescriptor {
	f := m.m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if f == nil {
		panic("BUG: " + string(m.m.Descriptor().Name()) + " has no field " + name)
	}
	return f
}

func whole(f protoreflect.FieldDescriptor, v protoreflect.Value) int64 {
	if k := f.Kind(); k == protoreflect.Uint32Kind || k == protoreflect.Uint64Kind {
		return int64(min(v.Uint(), 1<<63-1))
	}
	return v.Int()
}

// Known are the fields of a message by its name in this package, such as ModelConfig.
func Known(message string) []string {
	var names []string
	for _, text := range strings.Fields(messages[message]) {
		name, _, _ := strings.Cut(text, ":")
		names = append(names, name)
	}
	return names
}
