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

	offenders []*Item // failed, alone unless the budget was spent
	causes    []error
}

func (s *bisection) halve(items []*Item, parts []task.Part, cause error) {
	if len(items) == 1 || s.budget < 2 {
		s.fail(items, cause)
		return
	}
	mid := len(items) / 2
	s.retry(items[:mid], parts[:mid])
	s.retry(items[mid:], parts[mid:])
}

// fail notes that items have failed with a common cause.
func (s *bisection) fail(items []*Item, cause error) {
	for _, it := range items {
		s.offenders, s.causes = append(s.offenders, it), append(s.causes, cause)
	}
}

func (s *bisection) retry(items []*Item, parts []task.Part) {
	s.budget--
	timing, err := s.on.try(items, parts, clock.Now().Add(s.on.b.opt.HangLimit))
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
