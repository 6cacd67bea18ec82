package load

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

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

// replay fills a schedule from a trace.
func replay(s *Schedule, path string, speed float64, o Options) error {
	src, err := trace.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	if s.Length == 0 {
		s.Length = trace.MaxTime
	}
	r := replayer{src: src, path: path, schedule: s, o: &o, index: map[kindKey]int{}}
	return r.read(speed)
}

type replayer struct {
	src      *trace.File
	path     string
	schedule *Schedule
	o        *Options
	index    map[kindKey]int
	origin   time.Duration
}

// kindKey is what arrivals of one kind have in common.
type kindKey struct {
	model, payload string
	rows           int
	budget         time.Duration
	priority       task.Priority
	dims           int
	shape          [trace.MaxShape]int64
}

func (r *replayer) read(speed float64) error {
	s := r.schedule
	_, plain := r.src.Source.(*trace.Intervals)
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
		if r.o.FromFirst && len(s.Arrivals) == 0 {
			r.origin = a.At
		}
		at := float64(a.At-r.origin) / speed
		if at >= float64(s.Length) {
			return nil
		}
		if len(s.Arrivals) == MaxArrivals {
			return fmt.Errorf("%s: line %d: the trace has more than %d arrivals: replay a part of it", r.path, r.src.Line(), MaxArrivals)
		}
		arrival := engine.Arrival{At: time.Duration(at)}
		if len(r.o.Models) > 0 && !plain {
			kind, err := r.kind(&a)
			if err != nil {
				return fmt.Errorf("%s: line %d: %w", r.path, r.src.Line(), err)
			}
			arrival.Variant = uint16(kind)
		}
		s.Arrivals = append(s.Arrivals, arrival)
	}
}

// kind returns the index of an arrival's kind.
func (r *replayer) kind(a *trace.Arrival) (int, error) {
	key := kindKey{model: a.Model, payload: a.Payload, rows: a.Rows, budget: a.Budget, priority: a.Priority, dims: len(a.Shape)}
	copy(key.shape[:], a.Shape)
	kinds := &r.schedule.Kinds
	at, known := r.index[key]
	if !known {
		if !slices.Contains(r.o.Models, a.Model) {
			return 0, fmt.Errorf("the model %q is not one of %q: map it to one of them", a.Model, r.o.Models)
		}
		if at = len(*kinds); at == MaxVariants {
			return 0, fmt.Errorf("there are more than %d different requests (model, rows, shape, budget, priority, payload): replay a part of the trace", MaxVariants)
		}
		r.index[key] = at
		*kinds = append(*kinds, Kind{
			Model: a.Model, Rows: a.Rows, Shape: slices.Clone(a.Shape), Budget: a.Budget,
			Priority: a.Priority, Payload: a.Payload, Line: r.src.Line(),
		})
	}
	(*kinds)[at].N++
	return at, nil
}
