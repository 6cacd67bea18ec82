package batcher

import (
	"sluice/internal/fault"
	"sluice/internal/task"
)

// bisection finds the offenders in a failed batch: it runs its halves again, and
// theirs, so that a bad row fails its own caller only. It spends at most one extra
// run per member; what is left then shares the last error.
type bisection struct {
	on      *executor
	model   *Model
	budget  int  // extra runs left
	healthy bool // some members ran well without the others

	offenders []*Item // failed alone
	causes    []error
}

// bisect answers every member of a failed batch.
func (x *executor) bisect(m *Model, items []*Item, parts []task.Part, cause error) {
	s := bisection{on: x, model: m, budget: len(items)}
	s.halve(items, parts, cause)
	for i, it := range s.offenders {
		x.finish([]*Item{it}, task.Timing{}, s.blame(s.causes[i]))
	}
}

func (s *bisection) halve(items []*Item, parts []task.Part, cause error) {
	switch {
	case len(items) == 1:
		s.offenders, s.causes = append(s.offenders, items[0]), append(s.causes, cause)
	case s.budget < 2:
		s.on.finish(items, task.Timing{}, cause)
	default:
		mid := len(items) / 2
		s.retry(items[:mid], parts[:mid])
		s.retry(items[mid:], parts[mid:])
	}
}

func (s *bisection) retry(items []*Item, parts []task.Part) {
	s.budget--
	timing, err := s.on.try(s.model, parts)
	if err != nil {
		s.halve(items, parts, err)
		return
	}
	s.healthy = true
	s.on.finish(items, timing, nil)
}

// blame is the error of an item that failed alone: where its mates ran well without it, the
// input is at fault and not the model.
func (s *bisection) blame(cause error) error {
	if f := fault.Of(cause); s.healthy && f.Kind == fault.InferenceFailed {
		return fault.Wrap(fault.ModelRejectedInput, f.Cause, "the model rejected this input")
	}
	return cause
}
