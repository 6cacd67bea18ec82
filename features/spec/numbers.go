package spec

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// numberText is a number of YAML as a text; false if it is none.
func numberText(v any) (string, bool) {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) {
			return notANumber, true
		}
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case int, int64, uint64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// appendDefault appends the bytes of a column's default.
func appendDefault(dst []byte, kind tensor.DataType, col *Column) ([]byte, error) {
	if col.Default.required() {
		return append(dst, make([]byte, col.width()*kind.Size())...), nil
	}
	for i := range col.width() {
		text := col.Default[min(i, len(col.Default)-1)]
		var err error
		if dst, err = appendNumber(dst, kind, text); err != nil {
			return dst, fmt.Errorf("default %.40s: %w", text, err)
		}
	}
	return dst, nil
}

// appendNumber appends a number in words; whole ones keep all their digits.
func appendNumber(dst []byte, kind tensor.DataType, text string) ([]byte, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && kind == tensor.Int64 {
		return store.AppendInt(dst, store.Int64, n), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && tensor.Overflows(kind, v) {
		err = fmt.Errorf("%s cannot hold it", kind)
	}
	if err != nil {
		return dst, err
	}
	return tensor.AppendNumber(dst, kind, v)
}

// appendValue appends an element of any type.
func appendValue(dst []byte, kind tensor.DataType, text string) ([]byte, error) {
	switch kind {
	case tensor.Bytes:
		return tensor.AppendBytes(dst, text), nil
	case tensor.Bool:
		if is, err := strconv.ParseBool(text); err == nil && is {
			text = "1"
		} else if err == nil {
			text = "0"
		}
	}
	dst, err := appendNumber(dst, kind, text)
	if errors.Is(err, strconv.ErrSyntax) {
		err = errors.New("it is no number")
	}
	return dst, err
}
