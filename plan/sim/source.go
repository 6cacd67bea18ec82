package sim

import (
	"fmt"
	"time"

	"sluice/internal/task"
	"sluice/internal/traffic"
)

// Arrival is one request of a Source.
type Arrival struct {
	At     time.Duration // from the start of the simulation
	Model  int
	Rows   int // at least 1; more than the model's largest batch only where the policy is a Canceler
	Budget time.Duration
	Class  task.Priority
}

// Source yields requests in order of time: a recorded trace, or a process that draws more
// than instants.
type Source interface {
	// Next fills in the next request; false if there are no more.
	Next(a *Arrival) bool
}

// next is the arrival of a stream that follows one at an instant.
func (w *world) next(stream int, after time.Duration) Arrival {
	s := &w.cfg.Streams[stream]
	if s.Source == nil {
		return Arrival{w.streams[stream].Next(), s.Model, max(s.Rows, 1), s.Budget, s.Class}
	}
	var a Arrival
	if !s.Source.Next(&a) {
		return Arrival{At: traffic.Never}
	}
	if err := w.hold(a, after); err != nil {
		w.result.fault(w.now, "stream %d: %v", stream, err)
		return Arrival{At: traffic.Never}
	}
	return a
}

// hold checks what a source yields: the scheduler takes impossible requests for bugs.
func (w *world) hold(a Arrival, after time.Duration) error {
	switch {
	case a.At < after:
		return fmt.Errorf("an arrival at %v follows one at %v", a.At, after)
	case a.Model < 0 || a.Model >= len(w.cfg.Models):
		return fmt.Errorf("an arrival for model %d; there are %d", a.Model, len(w.cfg.Models))
	case a.Rows < 1 || a.Rows > w.cfg.Models[a.Model].MaxBatch && !w.cancels():
		return fmt.Errorf("an arrival of %d rows; the largest batch is %d", a.Rows, w.cfg.Models[a.Model].MaxBatch)
	case a.Budget <= 0 || a.Class >= task.Priorities:
		return fmt.Errorf("an arrival with a budget of %v, of class %d", a.Budget, a.Class)
	}
	return nil
}
