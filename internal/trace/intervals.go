package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sluice/internal/task"
)

// Source is arrivals that are being read, in either form.
type Source interface {
	Next(*Arrival) error // io.EOF after the last
	Line() int
}

// NewSource tells the two forms of a trace apart by the first byte: a brace begins JSON
// lines, and anything else should be a digit, which begins a file of intervals.
func NewSource(r io.Reader) (Source, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	first, err := b.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("line 1: %w", ErrEmpty)
	case err != nil:
		return nil, fmt.Errorf("line 1: cannot read the trace: %w", err)
	case first[0] == '{':
		return NewReader(b)
	}
	return &Intervals{lines: bufio.NewScanner(b)}, nil
}

// Intervals reads a file with the microseconds between two requests on each line, the form
// of perf_analyzer's --request-intervals. The first request is sent after the first one.
type Intervals struct {
	lines *bufio.Scanner
	line  int
	at    time.Duration
}

// Line implements Source.
func (v *Intervals) Line() int { return v.line }

// Next implements Source.
func (v *Intervals) Next(a *Arrival) error {
	if !v.lines.Scan() {
		switch err := v.lines.Err(); {
		case err != nil:
			return fmt.Errorf("line %d: cannot read the intervals: %w", v.line+1, err)
		case v.line == 0:
			return fmt.Errorf("line 1: %w", ErrEmpty)
		}
		return io.EOF
	}
	v.line++
	text := strings.TrimSpace(v.lines.Text())
	us, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("line %d: %.40q is not a whole number of microseconds: a trace is such intervals, or JSON lines", v.line, text)
	case us < 0:
		return fmt.Errorf("line %d: the interval is %d µs: times go backwards", v.line, us)
	case us > int64((MaxTime-v.at)/time.Microsecond):
		return fmt.Errorf("line %d: the intervals add up to more than %v", v.line, MaxTime)
	}
	v.at += time.Duration(us) * time.Microsecond
	*a = Arrival{At: v.at, Rows: 1, Priority: task.Normal, Shape: a.Shape[:0]}
	return nil
}
