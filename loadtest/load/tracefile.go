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
	_, plain := src.Source.(*trace.Intervals)
	index := map[kindKey]int{}
	var a trace.Arrival
	for {
		err := src.Next(&a)
		if errors.Is(err, io.EOF) {
			if n := len(s.Arrivals); n > 0 {
				s.Length = s.Arrivals[n-1].At
			}
			return nil
		}
		if err != nil {
			return err
		}
		at := float64(a.At) / speed
		if at >= float64(s.Length) {
			return nil
		}
		if len(s.Arrivals) == MaxArrivals {
			return fmt.Errorf("%s: line %d: the trace has more than %d arrivals: replay a part of it", path, src.Line(), MaxArrivals)
		}
		arrival := engine.Arrival{At: time.Duration(at)}
		if len(o.Models) > 0 && !plain {
			kind, err := s.kind(index, &a, src.Line(), o.Models)
			if err != nil {
				return fmt.Errorf("%s: line %d: %w", path, src.Line(), err)
			}
			arrival.Variant = uint16(kind)
		}
		s.Arrivals = append(s.Arrivals, arrival)
	}
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

// kind returns the index of an arrival's kind.
func (s *Schedule) kind(index map[kindKey]int, a *trace.Arrival, line int, models []string) (int, error) {
	key := kindKey{model: a.Model, payload: a.Payload, rows: a.Rows, budget: a.Budget, priority: a.Priority, dims: len(a.Shape)}
	copy(key.shape[:], a.Shape)
	at, known := index[key]
	if !known {
		if !slices.Contains(models, a.Model) {
			return 0, fmt.Errorf("the model %q is not one of %q: map it to one of them", a.Model, models)
		}
		if at = len(s.Kinds); at == MaxVariants {
			return 0, fmt.Errorf("there are more than %d different requests (model, rows, shape, budget, priority, payload): replay a part of the trace", MaxVariants)
		}
		index[key] = at
		s.Kinds = append(s.Kinds, Kind{
			Model: a.Model, Rows: a.Rows, Shape: slices.Clone(a.Shape), Budget: a.Budget,
			Priority: a.Priority, Payload: a.Payload, Line: line,
		})
	}
	s.Kinds[at].N++
	return at, nil
}
