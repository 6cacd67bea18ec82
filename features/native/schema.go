package native

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"sluice/features/store"
	"sluice/internal/tensor"
)

const (
	// maxColumns, maxRowBytes and maxKeys bound what a record may claim.
	maxColumns  = 16 << 10
	maxRowBytes = 1 << 20

	maxKeys = 16

	recordTitle = "sluice-row 1"
	keyWord     = "key"
)

// Column is a column as a store keeps it.
type Column struct {
	Name  string
	Type  tensor.DataType
	Width int
}

// Schema is what the stored rows of a view have: the keys of an entity, in the order of their values in a key, and the
// columns in their order. It does not change.
type Schema struct {
	keys     []store.KeyColumn
	columns  []Column
	record   []byte
	hash     uint32
	rowBytes int // of the columns alone
}

// NewSchema checks keys and columns and completes a schema.
func NewSchema(keys []store.KeyColumn, columns []Column) (*Schema, error) {
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, fmt.Errorf("an entity has %d keys: it must have 1 to %d", len(keys), maxKeys)
	}
	if len(columns) == 0 || len(columns) > maxColumns {
		return nil, fmt.Errorf("a row has %d columns: it must have 1 to %d", len(columns), maxColumns)
	}
	s := &Schema{keys: keys, columns: columns, record: []byte(recordTitle + "\n")}
	for _, k := range keys {
		if !isLine(k.Name) || k.Type.String() == "" {
			return nil, fmt.Errorf("key %q of type %q: a name is one line that is not empty, a type INT64, INT32 or BYTES", k.Name, k.Type)
		}
		s.record = fmt.Appendf(s.record, keyWord+" %s %s\n", k.Type, k.Name)
	}
	seen := make(map[string]bool, len(columns))
	for _, c := range columns {
		switch {
		case !isLine(c.Name):
			return nil, fmt.Errorf("column %q: a name is one line that is not empty", c.Name)
		case seen[c.Name]:
			return nil, fmt.Errorf("column %q is there twice", c.Name)
		case c.Type.Size() == 0:
			return nil, fmt.Errorf("column %q is of type %s: it must be one of fixed size", c.Name, c.Type)
		case c.Width < 1 || c.Width > maxRowBytes/c.Type.Size() || s.rowBytes+c.Width*c.Type.Size() > maxRowBytes:
			return nil, fmt.Errorf("column %q of width %d: a width is at least 1 and a row at most %d bytes long", c.Name, c.Width, maxRowBytes)
		}
		seen[c.Name] = true
		s.rowBytes += c.Width * c.Type.Size()
		s.record = fmt.Appendf(s.record, "%s %d %s\n", c.Type, c.Width, c.Name)
	}
	h := fnv.New32a()
	_, _ = h.Write(s.record) // never fails
	s.hash = h.Sum32()
	return s, nil
}

func isLine(name string) bool { return name != "" && !strings.ContainsAny(name, "\r\n\x00") }

// SchemaOf is the schema in which a group's rows are stored.
func SchemaOf(g *store.Group) (*Schema, error) {
	columns := make([]Column, len(g.Columns))
	for i := range g.Columns {
		c := &g.Columns[i]
		columns[i] = Column{Name: c.Name, Type: storedType(c), Width: c.Width}
	}
	return NewSchema(g.Keys, columns)
}

// Stored is a group with the same columns, each in the type in which it is stored: Schema.Append takes its rows.
func Stored(g *store.Group) (*store.Group, error) {
	columns := make([]store.Column, len(g.Columns))
	for i := range g.Columns {
		c := &g.Columns[i]
		columns[i] = store.Column{Name: c.Name, Type: storedType(c), Width: c.Width}
	}
	return store.NewGroup(store.Group{Name: g.Name, View: g.View, Keys: g.Keys, Columns: columns})
}

func storedType(c *store.Column) tensor.DataType {
	if c.Stored == tensor.Invalid {
		return c.Type
	}
	return c.Stored
}

// ParseSchema reads a record.
func ParseSchema(record []byte) (*Schema, error) {
	title, rest, _ := bytes.Cut(record, []byte("\n"))
	if string(title) != recordTitle {
		return nil, fmt.Errorf("a schema record begins with %q: it must be %q", title[:min(len(title), 32)], recordTitle)
	}
	var keys []store.KeyColumn
	var columns []Column
	for line := range bytes.Lines(rest) {
		if err := parseLine(line, &keys, &columns); err != nil {
			return nil, fmt.Errorf("line %d of a schema record is %q: %w", len(keys)+len(columns)+2, line[:min(len(line), 100)], err)
		}
	}
	s, err := NewSchema(keys, columns)
	if err == nil && !bytes.Equal(s.record, record) {
		return nil, errors.New("a schema record is not in its one form: write it with Schema.Record")
	}
	return s, err
}

func parseLine(line []byte, keys *[]store.KeyColumn, columns *[]Column) error {
	first, rest, _ := bytes.Cut(line, []byte(" "))
	second, name, found := bytes.Cut(rest, []byte(" "))
	name, whole := bytes.CutSuffix(name, []byte("\n"))
	switch {
	case !found || !whole:
		return errors.New("it must have three words and an end")
	case string(first) == keyWord && len(*keys) < maxKeys:
		*keys = append(*keys, store.KeyColumn{Name: string(name), Type: store.ParseKeyType(string(second))})
		return nil
	case len(*columns) == maxColumns:
		return fmt.Errorf("a row has at most %d columns", maxColumns)
	}
	width, err := strconv.Atoi(string(second))
	*columns = append(*columns, Column{Name: string(name), Type: tensor.ParseDataType(first), Width: width})
	return err
}

// Record is the bytes that a store keeps of the schema. They are not to be changed.
func (s *Schema) Record() []byte { return s.record }

// Hash is what rows name the schema by.
func (s *Schema) Hash() uint32 { return s.hash }

// Keys are the keys in their order. They are not to be changed.
func (s *Schema) Keys() []store.KeyColumn { return s.keys }

// Columns are the columns in their order. They are not to be changed.
func (s *Schema) Columns() []Column { return s.columns }

// RowBytes is the length of each row.
func (s *Schema) RowBytes() int { return headerBytes + bitmapBytes(len(s.columns)) + s.rowBytes }
