package batcher

import (
	"slices"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// search finds out who is at fault in a failed batch, so that a bad row fails its own caller
// alone. It runs the halves of the members again, and theirs, the most urgent first. A member
// is done with when it has run well, has failed in a run of its own, or has missed its deadline.
// Those for which the account of repairs has nothing left are put apart.
//
// Where the first half of a group that failed runs well the second must hold a bad row, and is
// halved without a run of it (Hwang, "A method for detecting all defective members in a
// population by group testing", 1972, searches so).
type search struct {
	on      *executor
	healthy bool  // the model works here: members ran well, or others since the item was put apart
	must    bool  // run whatever the account says
	lost    error // the device runs nothing more

	failures []failure
	apart    []*policy.Item // to run alone
	later    []*policy.Item // likewise, after others
}

// failure is a member that has failed in a run of its own, or with its device.
type failure struct {
	item  *policy.Item
	err   error
	times int
}

// halve searches a group of members that failed together.
func (s *search) halve(items []*policy.Item) {
	for len(items) > 1 {
		first, second := items[:len(items)/2], items[len(items)/2:]
		if !s.try(first) {
			s.try(second)
			return
		}
		items = second
	}
	s.try(items)
}

// try runs a group, and searches it if it fails. It reports whether it ran well as a whole.
func (s *search) try(items []*policy.Item) (well bool) {
	items, may := s.next(items)
	switch {
	case len(items) == 0:
		return false
	case s.lost != nil:
		s.fail(items, s.lost)
		return false
	case !may:
		s.apart = append(s.apart, items...)
		return false
	}
	err := s.run(items)
	if err == nil {
		s.healthy = true
		return true
	}
	if _, lost := task.DeviceFailed(err); lost {
		s.lost = err
	}
	if s.lost != nil || len(items) == 1 {
		s.fail(items, err)
	} else {
		s.halve(items)
	}
	return false
}

// next leaves out members that need no run any more, ends those whose deadline has passed, and
// asks whether the others may run.
func (s *search) next(items []*policy.Item) (open []*policy.Item, may bool) {
	x, b := s.on, s.on.b
	open = items[:0]
	var late []*request
	rows := 0
	b.mu.Lock()
	now := clock.Now()
	for _, it := range items {
		switch p := it.Owner.(*part); {
		case !x.wantsLocked(p):
		case it.Deadline <= now:
			late = append(late, p.request)
		default:
			open, rows = append(open, it), rows+it.Rows
		}
	}
	if len(open) > 0 && s.lost == nil {
		may = b.mu.sched.Retry(now, &x.batch, rows, s.must)
	}
	ended := b.endLocked(now, late, errDeadline)
	b.mu.Unlock()
	wake(ended)
	return open, may
}

// run is a repair run.
func (s *search) run(items []*policy.Item) error {
	x := s.on
	x.report.Repairs++
	x.gather(items)
	timing, err := x.try(items, clock.Now().Add(x.b.opt.HangLimit))
	if err != nil {
		return err
	}
	x.report.Timing, x.report.End = timing, clock.Now()
	x.b.mu.Lock()
	x.b.mu.sched.Passed(x.report.End, &x.batch, items)
	x.b.mu.Unlock()
	x.finish(items, nil)
	return nil
}

func (s *search) fail(items []*policy.Item, err error) {
	s.on.b.mu.Lock()
	defer s.on.b.mu.Unlock()
	for _, it := range items {
		p := it.Owner.(*part)
		p.failures++
		s.failures = append(s.failures, failure{it, err, p.failures})
	}
}

// confirm runs members that have failed alone once more, where the model works but did not say
// that their input is at fault: something that happened once is no reason to blame it.
func (s *search) confirm() {
	if !s.healthy || s.lost != nil {
		return
	}
	failures := s.failures
	s.failures = nil
	for _, f := range failures {
		if inputMayBeAtFault(f.err) && f.times < 2 {
			s.try([]*policy.Item{f.item})
			s.recall(f)
		} else {
			s.failures = append(s.failures, f)
		}
	}
}

// recall has a member keep the error of its run where there was no place for another one: its process may
// have ended over it.
func (s *search) recall(f failure) {
	if n := len(s.failures); n > 0 && s.failures[n-1].item == f.item && fault.Is(s.failures[n-1].err, fault.NoCapacity) {
		s.failures[n-1].err = f.err
	}
}

// postpone leaves members that have failed alone, without a sign yet whether the model works, to
// the time when those that are to run alone have done so: these may give one.
func (s *search) postpone() {
	b := s.on.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.healthy || len(s.apart) == 0 && !b.mu.sched.Suspects(&s.on.batch) {
		return
	}
	failures := s.failures
	s.failures = nil
	for _, f := range failures {
		if inputMayBeAtFault(f.err) && f.times < 2 {
			f.item.Owner.(*part).foregone = f.err
			s.later = append(s.later, f.item)
		} else {
			s.failures = append(s.failures, f)
		}
	}
}

// foregone tells, once, the error of a batch that need not run: that of a part that has failed alone and
// has waited in vain for others to run well.
func (x *executor) foregone() error {
	if !x.batch.Alone {
		return nil
	}
	x.b.mu.Lock()
	defer x.b.mu.Unlock()
	p := x.batch.Items[0].Owner.(*part)
	err := p.foregone
	p.foregone = nil
	if p.mates || x.b.mu.sched.Works(&x.batch) {
		return nil
	}
	return err
}

// inputMayBeAtFault reports whether an error leaves that open.
func inputMayBeAtFault(err error) bool {
	failed, _ := task.DeviceFailed(err)
	return !failed && fault.Is(err, fault.InferenceFailed)
}

// blame is the error of a member that failed alone. Where its mates, or others after them, ran
// well the input is at fault and not the model.
func (s *search) blame(f failure) error {
	if !s.healthy || !inputMayBeAtFault(f.err) {
		return f.err
	}
	cause := fault.Of(f.err)
	if cause.Cause == nil {
		return fault.Wrap(fault.ModelRejectedInput, cause, "the model rejected this input")
	}
	return fault.Wrap(fault.ModelRejectedInput, cause.Cause, "the model rejected this input")
}

// byDeadline puts members in the order in which they are to run.
func byDeadline(items []*policy.Item) {
	slices.SortStableFunc(items, func(x, y *policy.Item) int { return int(min(max(x.Deadline-y.Deadline, -1), 1)) })
}
