package look

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// ParseKey makes a key of the texts of its values.
func ParseKey(columns []store.KeyColumn, texts []string) (key store.Key, err error) {
	if len(texts) != len(columns) {
		return nil, fmt.Errorf("an entity is named by %d values, and %d are given", len(columns), len(texts))
	}
	for i, c := range columns {
		if c.Type == store.Text {
			key = store.AppendText(key, texts[i])
			continue
		}
		bits := 64
		if c.Type == store.Int32 {
			bits = 32
		}
		n, err := strconv.ParseInt(texts[i], 10, bits)
		if err != nil {
			return nil, fmt.Errorf("%s is %.40q: it must be a whole number of %d bits", c.Name, texts[i], bits)
		}
		key = store.AppendInt(key, c.Type, n)
	}
	return key, nil
}

// maxKeys is how many keys are read from a file at most.
const maxKeys = 10_000_000

// ReadKeys reads keys from a CSV file with the names of its columns in the first line, each once and in their order. Columns that
// are not named are passed over.
func ReadKeys(from io.Reader, columns []store.KeyColumn) (keys []store.Key, err error) {
	r := csv.NewReader(from)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("cannot read the first line of the keys, the names of columns: %w", err)
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(header, c.Name); at[i] < 0 {
			return nil, fmt.Errorf("the keys have no column %q", c.Name)
		}
	}
	seen, texts := map[string]bool{}, make([]string, len(columns))
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the keys: %w", err)
		}
		for i := range at {
			texts[i] = record[at[i]]
		}
		key, err := ParseKey(columns, texts)
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("line %d of the keys: %w", line, err)
		}
		if len(keys) == maxKeys {
			return nil, fmt.Errorf("there are more than %d keys: take them in parts", maxKeys)
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			keys = append(keys, key)
		}
	}
}

// KeyTexts are the values of a key.
func KeyTexts(columns []store.KeyColumn, key store.Key) (texts []string) {
	for _, c := range columns {
		var value []byte
		if value, key = key.Next(c.Type); c.Type == store.Text {
			texts = append(texts, string(value))
		} else {
			texts = append(texts, strconv.FormatInt(store.Int(c.Type, value), 10))
		}
	}
	return texts
}

// KeyValues is a key as JSON has it: its values by name.
func KeyValues(columns []store.KeyColumn, key store.Key) map[string]any {
	all := map[string]any{}
	for i, text := range KeyTexts(columns, key) {
		if columns[i].Type == store.Text {
			all[columns[i].Name] = text
		} else {
			all[columns[i].Name] = json.Number(text)
		}
	}
	return all
}

// Value is a value as files of text have it, a list in brackets; empty if it is not there or does not fit.
func Value(rows *store.Rows, key, column int) string {
	return string(appendValue(nil, rows, key, column, strconv.AppendFloat))
}

// JSON is a value as JSON has it, which has no word for what is no finite number: that is null.
func JSON(rows *store.Rows, key, column int) json.RawMessage {
	return appendValue(nil, rows, key, column, func(dst []byte, v float64, form byte, digits, bits int) []byte {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, "null"...)
		}
		return strconv.AppendFloat(dst, v, form, digits, bits)
	})
}

type appendFloat func(dst []byte, v float64, form byte, digits, bits int) []byte

func appendValue(dst []byte, rows *store.Rows, key, column int, float appendFloat) []byte {
	if rows.States(key)[column] != store.Present {
		return dst
	}
	g := rows.Group()
	c := &g.Columns[column]
	data := rows.Row(key)[g.Offset(column):][:c.Size()]
	if c.Width == 1 {
		return appendNumber(dst, c.Type, data, float)
	}
	dst = append(dst, '[')
	for i := range c.Width {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNumber(dst, c.Type, data[i*c.Type.Size():], float)
	}
	return append(dst, ']')
}

func appendNumber(dst []byte, kind tensor.DataType, data []byte, float appendFloat) []byte {
	switch {
	case kind == tensor.Bool:
		return strconv.AppendBool(dst, data[0] != 0)
	case kind.Unsigned():
		return strconv.AppendUint(dst, tensor.UintAt(kind, data), 10)
	case kind.Integer():
		return strconv.AppendInt(dst, tensor.IntAt(kind, data), 10)
	case kind == tensor.FP64:
		return float(dst, tensor.FloatAt(kind, data, 0), 'g', -1, 64)
	}
	return float(dst, tensor.FloatAt(kind, data, 0), 'g', -1, 32)
}
