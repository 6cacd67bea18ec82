package trace

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"sluice/internal/jsonscan"
	"sluice/internal/task"
)

// Writer writes a trace. It buffers: Flush when done. It is not safe for concurrent use,
// and it allocates nothing per arrival.
type Writer struct {
	lines
	line  []byte
	begun bool // the header is written
	last  time.Duration
}

// lines are what is written, buffered and counted.
type lines struct {
	w    *bufio.Writer
	what string // in errors
	size int64
}

func newLines(w io.Writer, what string) lines {
	return lines{w: bufio.NewWriterSize(w, 1<<16), what: what}
}

// Size is the bytes so far, before compression.
func (l *lines) Size() int64 { return l.size }

func (l *lines) put(part []byte) error {
	l.size += int64(len(part))
	if _, err := l.w.Write(part); err != nil {
		return fmt.Errorf("cannot write the %s: %w", l.what, err)
	}
	return nil
}

// Flush hands on what is buffered.
func (l *lines) Flush() error {
	if err := l.w.Flush(); err != nil {
		return fmt.Errorf("cannot write the %s: %w", l.what, err)
	}
	return nil
}

// NewWriter writes the header.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	t := newWriter(w)
	return t, t.Begin(h)
}

func newWriter(w io.Writer) *Writer { return &Writer{lines: newLines(w, "trace")} }

// Begin writes the header. It is called once, before the first arrival; without it the header is empty.
func (t *Writer) Begin(h Header) error {
	line := append(t.line, `{"sluice_trace":`...)
	line = strconv.AppendInt(line, Version, 10)
	if !h.Start.IsZero() {
		line = append(line, `,"start":"`...)
		line = h.Start.AppendFormat(line, time.RFC3339Nano)
		line = append(line, '"')
	}
	if !utf8.ValidString(h.Clock) {
		return fmt.Errorf("cannot write a trace of the clock %q: not UTF-8", h.Clock)
	}
	if h.Clock != "" {
		line = jsonscan.AppendString(append(line, `,"clock":`...), h.Clock)
	}
	t.begun = true
	return t.put(append(line, "}\n"...))
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
	if !t.begun {
		if err := t.Begin(Header{}); err != nil {
			return err
		}
	}
	line := append(t.line[:0], `{"t_ns":`...)
	line = strconv.AppendInt(line, int64(a.At), 10)
	line = jsonscan.AppendString(append(line, `,"model":`...), a.Model)
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
		line = jsonscan.AppendString(append(line, `,"priority":`...), priorities[a.Priority])
	}
	if a.Payload != "" {
		line = jsonscan.AppendString(append(line, `,"payload":`...), a.Payload)
	}
	if a.Version != "" {
		line = jsonscan.AppendString(append(line, `,"version":`...), a.Version)
	}
	if a.ID != "" {
		line = jsonscan.AppendString(append(line, `,"id":`...), a.ID)
	}
	if a.Status != "" {
		line = jsonscan.AppendString(append(line, `,"status":`...), a.Status)
	}
	if a.Late {
		line = append(line, `,"late":true`...)
	}
	if len(line) >= MaxLine {
		t.line = nil
		return fmt.Errorf("cannot record an arrival of %d bytes: a line may have %d", len(line), MaxLine)
	}
	t.last, t.line = a.At, append(line, "}\n"...)
	return t.put(t.line)
}
