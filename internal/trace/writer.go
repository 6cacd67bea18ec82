package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"sluice/internal/task"
)

// Writer writes a trace. It buffers: Flush when done. It is not safe for concurrent use,
// and it allocates nothing per arrival unless a name has to be escaped.
type Writer struct {
	w    *bufio.Writer
	line []byte
	last time.Duration
	size int64
}

// NewWriter writes the header.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	t := &Writer{w: bufio.NewWriterSize(w, 1<<16)}
	line := append(t.line, `{"sluice_trace":`...)
	line = strconv.AppendInt(line, Version, 10)
	if !h.Start.IsZero() {
		line = append(line, `,"start":"`...)
		line = h.Start.AppendFormat(line, time.RFC3339Nano)
		line = append(line, '"')
	}
	if !utf8.ValidString(h.Clock) {
		return nil, fmt.Errorf("cannot write a trace of the clock %q: not UTF-8", h.Clock)
	}
	if h.Clock != "" {
		line = appendString(append(line, `,"clock":`...), h.Clock)
	}
	return t, t.put(append(line, "}\n"...))
}

// Write appends an arrival. It refuses one that a reader would refuse, and then the trace
// is as it was before.
func (t *Writer) Write(a *Arrival) error {
	if err := a.check(); err != nil {
		return fmt.Errorf("cannot record an arrival: %w", err)
	}
	if a.At < t.last {
		return fmt.Errorf("cannot record an arrival at %v after one at %v: arrivals go in order of time", a.At, t.last)
	}
	line := append(t.line[:0], `{"t_ns":`...)
	line = strconv.AppendInt(line, int64(a.At), 10)
	line = appendString(append(line, `,"model":`...), a.Model)
	if a.Rows != 1 {
		line = strconv.AppendInt(append(line, `,"rows":`...), int64(a.Rows), 10)
	}
	if a.Budget > 0 {
		line = strconv.AppendInt(append(line, `,"budget_ns":`...), int64(a.Budget), 10)
	}
	if a.Bytes > 0 {
		line = strconv.AppendInt(append(line, `,"bytes":`...), a.Bytes, 10)
	}
	for i, d := range a.Shape {
		if i == 0 {
			line = append(line, `,"shape":[`...)
		} else {
			line = append(line, ',')
		}
		line = strconv.AppendInt(line, d, 10)
	}
	if len(a.Shape) > 0 {
		line = append(line, ']')
	}
	if a.Priority != task.Normal {
		line = appendString(append(line, `,"priority":`...), priorities[a.Priority])
	}
	if a.Payload != "" {
		line = appendString(append(line, `,"payload":`...), a.Payload)
	}
	if len(line) >= MaxLine {
		t.line = nil
		return fmt.Errorf("cannot record an arrival of %d bytes: a line may have %d", len(line), MaxLine)
	}
	t.last = a.At
	return t.put(append(line, "}\n"...))
}

// Size is the bytes of all lines so far, before compression.
func (t *Writer) Size() int64 { return t.size }

func (t *Writer) put(line []byte) error {
	t.line = line
	t.size += int64(len(line))
	if _, err := t.w.Write(line); err != nil {
		return fmt.Errorf("cannot write the trace: %w", err)
	}
	return nil
}

// Flush hands on what is buffered.
func (t *Writer) Flush() error {
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("cannot write the trace: %w", err)
	}
	return nil
}

// appendString quotes a string for JSON. Names are plain nearly always.
func appendString(line []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("BUG: cannot quote a string: " + err.Error())
			}
			return append(line, quoted...)
		}
	}
	line = append(line, '"')
	line = append(line, s...)
	return append(line, '"')
}
