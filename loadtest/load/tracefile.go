package load

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/remedy"
	"sluice/internal/task"
	"sluice/internal/trace"
	"sluice/loadtest/engine"
)

// Kind is what is the same in many requests of a trace: a replay prepares payloads for each.
type Kind struct {
	Model string `json:"model"`
	Rows  int    `json:"rows"`
	// Shape is that of the first input, rows included; empty if the trace does not tell.
	Shape []int64 `json:"shape,omitempty"`
	// Budget is the time to answer in; 0 means the model's own.
	Budget   time.Duration `json:"budget_ns,omitempty"`
	Priority task.Priority `json:"-"`
	// Payload refers to the request's data, as the trace has it; "" without.
	Payload string `json:"payload,omitempty"`
	// N is how many arrivals are of this kind, and Line where the first one is.
	N    int64 `json:"n"`
	Line int   `json:"line"`
}

// source is a trace that is being read.
type source interface {
	Next(*trace.Arrival) error // io.EOF after the last
	Line() int
}

// newSource tells the two forms of a trace apart by the first byte: a brace begins JSON
// lines, and anything else should be a digit, which begins a file of intervals.
func newSource(r io.Reader) (source, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	first, err := b.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("line 1: %w", trace.ErrEmpty)
	case err != nil:
		return nil, fmt.Errorf("line 1: cannot read the trace: %w", err)
	case first[0] == '{':
		return trace.NewReader(b)
	}
	return &intervals{lines: bufio.NewScanner(b)}, nil
}

// intervals reads a file with the microseconds between two requests on each line, the form
// of perf_analyzer's --request-intervals. The first request is sent after the first one.
type intervals struct {
	lines *bufio.Scanner
	line  int
	at    time.Duration
}

// Line implements source.
func (v *intervals) Line() int { return v.line }

// Next implements source.
func (v *intervals) Next(a *trace.Arrival) error {
	if !v.lines.Scan() {
		switch err := v.lines.Err(); {
		case err != nil:
			return fmt.Errorf("line %d: cannot read the intervals: %w", v.line+1, err)
		case v.line == 0:
			return fmt.Errorf("line 1: %w", trace.ErrEmpty)
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
	case us > int64((trace.MaxTime-v.at)/time.Microsecond):
		return fmt.Errorf("line %d: the intervals add up to more than %v", v.line, trace.MaxTime)
	}
	v.at += time.Duration(us) * time.Microsecond
	*a = trace.Arrival{At: v.at, Rows: 1, Priority: task.Normal, Shape: a.Shape[:0]}
	return nil
}

// openSource opens a trace, compressed if its name ends in .gz.
func openSource(path string) (source, *os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the trace: %w", remedy.Whole(err))
	}
	var from io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			f.Close()
			return nil, nil, fmt.Errorf("cannot open the trace %s, which should be compressed: %w", path, err)
		}
	}
	src, err := newSource(from)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return src, f, nil
}

// replay fills a schedule from a trace.
func (l Load) replay(s *Schedule, o Options) error {
	src, file, err := openSource(l.file)
	if err != nil {
		return err
	}
	defer file.Close()
	if s.Length == 0 {
		s.Length = trace.MaxTime
	}
	r := replayer{src: src, schedule: s, models: o.Models, index: map[string]int{}, fromFirst: o.FromFirst}
	if err := r.read(l.speed); err != nil {
		return fmt.Errorf("%s: %w", l.file, err)
	}
	return nil
}

type replayer struct {
	src      source
	schedule *Schedule
	models   []string
	index    map[string]int // of a kind
	key      []byte

	fromFirst bool
	origin    time.Duration
}

func (r *replayer) read(speed float64) error {
	s := r.schedule
	_, plain := r.src.(*intervals)
	var a trace.Arrival
	for {
		err := r.src.Next(&a)
		if errors.Is(err, io.EOF) {
			if n := len(s.Arrivals); n > 0 {
				s.Length = s.Arrivals[n-1].At
			}
			return nil
		}
		if err != nil {
			return err
		}
		if r.fromFirst && len(s.Arrivals) == 0 {
			r.origin = a.At
		}
		at := float64(a.At-r.origin) / speed
		if at >= float64(s.Length) {
			return nil
		}
		if len(s.Arrivals) == MaxArrivals {
			return fmt.Errorf("line %d: the trace has more than %d arrivals: replay a part of it", r.src.Line(), MaxArrivals)
		}
		arrival := engine.Arrival{At: time.Duration(at)}
		if len(r.models) > 0 && !plain {
			kind, err := r.kind(&a)
			if err != nil {
				return fmt.Errorf("line %d: %w", r.src.Line(), err)
			}
			arrival.Variant = uint16(kind)
		}
		s.Arrivals = append(s.Arrivals, arrival)
	}
}

// kind returns the index of an arrival's kind.
func (r *replayer) kind(a *trace.Arrival) (int, error) {
	key := binary.AppendUvarint(r.key[:0], uint64(len(a.Model)))
	key = append(key, a.Model...)
	key = binary.AppendVarint(key, int64(a.Rows))
	key = binary.AppendVarint(key, int64(a.Budget))
	key = append(key, byte(a.Priority), byte(len(a.Shape)))
	for _, d := range a.Shape {
		key = binary.AppendVarint(key, d)
	}
	key = append(key, a.Payload...)
	r.key = key
	kinds := &r.schedule.Kinds
	at, known := r.index[string(key)]
	if !known {
		if !slices.Contains(r.models, a.Model) {
			return 0, fmt.Errorf("the model %q is not one of %q: map it to one of them", a.Model, r.models)
		}
		if at = len(*kinds); at == MaxVariants {
			return 0, fmt.Errorf("there are more than %d different requests (model, rows, shape, budget, priority, payload): replay a part of the trace", MaxVariants)
		}
		r.index[string(key)] = at
		*kinds = append(*kinds, Kind{
			Model: a.Model, Rows: a.Rows, Shape: slices.Clone(a.Shape), Budget: a.Budget,
			Priority: a.Priority, Payload: a.Payload, Line: r.src.Line(),
		})
	}
	(*kinds)[at].N++
	return at, nil
}
