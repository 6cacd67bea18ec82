package batcher

import (
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// bisection finds the offenders in a failed batch: it runs its halves again, and
// theirs, so that a bad row fails its own caller only. It spends at most one extra
// run per member; what is left then shares the last error.
type bisection struct {
	on      *executor
	budget  int  // extra runs left
	healthy bool // some members ran well without the others

	offenders []*Item // failed alone
	causes    []error
}

// bisect answers every member of a failed batch.
func (x *executor) bisect(items []*Item, parts []task.Part, cause error) {
	s := bisection{on: x, budget: len(items)}
	s.halve(items, parts, cause)
	for i, it := range s.offenders {
		x.finish([]*Item{it}, s.blame(s.causes[i]))
	}
}

func (s *bisection) halve(items []*Item, parts []task.Part, cause error) {
	switch {
	case len(items) == 1:
		s.offenders, s.causes = append(s.offenders, items[0]), append(s.causes, cause)
	case s.budget < 2:
		s.on.finish(items, cause)
	default:
		mid := len(items) / 2
		s.retry(items[:mid], parts[:mid])
		s.retry(items[mid:], parts[mid:])
	}
}

func (s *bisection) retry(items []*Item, parts []task.Part) {
	s.budget--
	timing, err := s.on.try(s.on.model, parts, clock.Now().Add(s.on.b.opt.HangLimit))
	if err != nil {
		s.halve(items, parts, err)
		return
	}
	s.healthy = true
	s.on.report.Timing, s.on.report.End = timing, clock.Now()
	s.on.finish(items, nil)
}

// blame is the error of an item that failed alone: where its mates ran well without it, the
// input is at fault and not the model.
func (s *bisection) blame(cause error) error {
	if f := fault.Of(cause); s.healthy && f.Kind == fault.InferenceFailed {
		return fault.Wrap(fault.ModelRejectedInput, f.Cause, "the model rejected this input")
	}
	return cause
}
