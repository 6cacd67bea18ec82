package load

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// kind is what a cell holds.
type kind uint8

const (
	nothing kind = iota
	whole
	number
	truth
	instant // nanoseconds since 1970
	text
	list
	unusable
)

// cell is one value of a file's row. It is good until the next row.
type cell struct {
	kind   kind
	whole  int64 // or a truth value, or an instant
	number float64
	text   []byte
	list   []cell
}

// String is the cell as an error shows it, not longer than a line.
func (c cell) String() string {
	const most = 60
	s := ""
	switch c.kind {
	case nothing:
		return "nothing"
	case whole:
		s = strconv.FormatInt(c.whole, 10)
	case number:
		s = strconv.FormatFloat(c.number, 'g', -1, 64)
	case truth:
		s = strconv.FormatBool(c.whole != 0)
	case instant:
		s = time.Unix(0, c.whole).UTC().Format(time.RFC3339Nano)
	case text:
		s = strconv.Quote(string(c.text[:min(len(c.text), most)]))
	case list:
		s = fmt.Sprintf("a list of %d", len(c.list))
	case unusable:
		s = "a value of a type that is not known"
	}
	return s
}

// appendKey appends a cell as one of the values that name an entity.
func appendKey(dst store.Key, kind store.KeyType, c cell) (store.Key, error) {
	if kind == store.Text {
		if c.kind != text {
			return dst, fmt.Errorf("%s is no text", c)
		}
		if len(c.text) > store.MaxText {
			return dst, fmt.Errorf("a key of %d bytes is longer than %d", len(c.text), store.MaxText)
		}
		return store.AppendText(dst, c.text), nil
	}
	n, ok := c.integer()
	if !ok || kind == store.Int32 && int64(int32(n)) != n {
		return dst, fmt.Errorf("%s is no %s", c, kind)
	}
	return store.AppendInt(dst, kind, n), nil
}

// integer is the cell as a whole number.
func (c cell) integer() (int64, bool) {
	switch c.kind {
	case whole:
		return c.whole, true
	case number: // what a column of whole numbers becomes where some are missing
		return int64(c.number), c.number == math.Trunc(c.number) && math.Abs(c.number) <= 1<<53
	case text:
		n, err := strconv.ParseInt(strings.TrimSpace(string(c.text)), 10, 64)
		return n, err == nil
	}
	return 0, false
}

var errTime = errors.New("it is no time: a time is a number since 1970 or like 2006-01-02T15:04:05.999Z")

// nanos is the cell as nanoseconds since 1970; 0 if it holds nothing.
func (c cell) nanos(unit int64) (int64, error) {
	switch c.kind {
	case nothing:
		return 0, nil
	case instant:
		return c.whole, nil
	case text:
		s := strings.TrimSpace(string(c.text))
		for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly} {
			if t, err := time.Parse(form, s); err == nil {
				return inRange(t)
			}
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			if n, ok := c.integer(); ok {
				return cell{kind: whole, whole: n}.nanos(unit)
			}
			return cell{kind: number, number: f}.nanos(unit)
		}
	case whole:
		if c.whole <= math.MaxInt64/unit && c.whole >= math.MinInt64/unit {
			return c.whole * unit, nil
		}
	case number:
		if f := c.number * float64(unit); math.Abs(f) < 1<<63 {
			return int64(math.Round(f)), nil
		}
	}
	return 0, fmt.Errorf("%s: %w", c, errTime)
}

func inRange(t time.Time) (int64, error) {
	if ns := t.UnixNano(); time.Unix(0, ns).Equal(t) {
		return ns, nil
	}
	return 0, fmt.Errorf("%s is before 1678 or after 2262", t.Format(time.RFC3339))
}

// set puts a cell into a column of a row.
func set(rows *store.Rows, column int, c cell) error {
	col := &rows.Group().Columns[column]
	switch c.kind {
	case nothing:
	case whole:
		rows.SetInt(0, column, c.whole)
	case number:
		rows.SetFloat(0, column, c.number)
	case truth:
		rows.SetBool(0, column, c.whole != 0)
	case instant: // in seconds, as Feast has it
		rows.SetFloat(0, column, float64(c.whole)/1e9)
	case text:
		return setText(rows, column, strings.TrimSpace(string(c.text)))
	case list:
		setList(rows, column, c.list)
	case unusable:
		rows.SetWrong(0, column)
	}
	if rows.States(0)[column] == store.Wrong {
		return fmt.Errorf("%s does not fit %s of width %d", c, col.Type, col.Width)
	}
	return nil
}

func setList(rows *store.Rows, column int, elements []cell) {
	l := rows.SetList(0, column)
	for _, e := range elements {
		switch e.kind {
		case whole, truth:
			l.Int(e.whole)
		case number:
			l.Float(e.number)
		case instant:
			l.Float(float64(e.whole) / 1e9)
		default:
			rows.SetWrong(0, column)
			return
		}
	}
	l.End()
}

// setText puts the text of a number, of true or false, or of a list in brackets.
func setText(rows *store.Rows, column int, s string) error {
	col := &rows.Group().Columns[column]
	c := cell{kind: list}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		for part := range strings.SplitSeq(inner, ",") {
			if part = strings.TrimSpace(part); part != "" || len(c.list) > 0 {
				c.list = append(c.list, parse(part, col.Type))
			}
		}
		if !ok || len(c.list) > col.Width {
			return fmt.Errorf("%q is no list of %d", s[:min(len(s), 60)], col.Width)
		}
	} else {
		c = parse(s, col.Type)
	}
	if c.kind == text {
		return fmt.Errorf("%s is no number", c)
	}
	return set(rows, column, c)
}

// parse reads the text of one element; it stays a text if it is none.
func parse(s string, kind tensor.DataType) cell {
	if !kind.Float() {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return cell{kind: whole, whole: n}
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return cell{kind: number, number: f}
	}
	switch strings.ToLower(s) {
	case "true":
		return cell{kind: truth, whole: 1}
	case "false":
		return cell{kind: truth}
	}
	return cell{kind: text, text: []byte(s)}
}
