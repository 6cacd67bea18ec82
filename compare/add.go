package compare

import (
	"errors"
	"fmt"

	"sluice/compare/measure"
	"sluice/internal/tensor"
)

// maxReasons is how many reasons of failures are told apart.
const maxReasons = 16

// formFailed is the reason of an answer that cannot be compared with the primary's.
const formFailed = "form"

// Add takes a sample. A unit's first one counts, whatever becomes of it; later ones are only looked at for the rows that
// differ most. It refuses a sample that the primary did not answer, and counts nothing of it.
func (s *Study) Add(x *Sample) error {
	if len(x.Primary) == 0 {
		return errors.New("cannot compare a request that the primary did not answer")
	}
	s.counts.Samples++
	if !s.seen.Add(spreadBits(x.Unit ^ s.o.Seed)) {
		s.counts.Repeated++
		s.lookAt(x)
		return nil
	}
	s.counts.Compared++
	s.counts.Rows += int64(x.Rows)
	if x.Degraded {
		s.counts.Degraded++
	}
	failure := x.Failure
	if x.Candidate == nil {
		if failure == "" {
			failure = "error"
		}
		s.fail(failure)
		return nil
	}
	failed := error(nil)
	for _, o := range s.outputs {
		if err := s.addOutput(o, x); err != nil {
			failed = err
		}
	}
	if x.Again != nil {
		s.counts.Again++
	}
	if failed != nil {
		if s.counts.First == "" {
			s.counts.First = failed.Error()
		}
		s.fail(formFailed)
		return nil
	}
	s.errors.add(candidate, 0)
	s.addRuns(x)
	if s.filling != nil && x.Filled != nil && x.CandidateFilled != nil {
		if above, below, known := s.filling.add(x.Filled, x.CandidateFilled); known {
			s.defaults.add(candidate, above)
			s.defaults.add(again, below)
		}
	}
	return nil
}

// spreadBits is a bijection, so that a seed gives other places in the filter.
func spreadBits(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s *Study) fail(reason string) {
	if _, known := s.counts.Failures[reason]; !known && len(s.counts.Failures) >= maxReasons || len(reason) > maxReasonBytes {
		reason = "other"
	}
	s.counts.Failures[reason]++
	s.errors.add(candidate, 1)
}

const maxReasonBytes = 32

// addOutput compares one output in both arms. The error says that the candidate's cannot be compared.
func (s *Study) addOutput(o *output, x *Sample) error {
	want, got := named(x.Primary, o.spec.Name), named(x.Candidate, o.spec.Name)
	switch {
	case want == nil:
		return nil // the client did not ask for it
	case got == nil:
		return fmt.Errorf("the candidate's answer has no output %.64q", o.spec.Name)
	}
	threshold := o.noise.Threshold(o.kind)
	unit, err := o.compare[candidate].Compare(want, got, threshold)
	if err != nil {
		return err
	}
	o.add(candidate, unit, s.o.Again)
	s.keepWorst(o, unit.Rows, x)
	if o.counted(differs, s.o.Again) && len(unit.Values) > 0 {
		for i, name := range s.o.Segments {
			if value, ok := segmentOf(named(x.Inputs, name)); ok {
				o.segments[i].Add(value, unit.Values[differs])
			}
		}
	}
	o.drift.add(want, got)
	if s.o.Pipeline {
		s.addEffects(o, x)
	}
	if same := named(x.Again, o.spec.Name); same != nil && s.o.Again {
		unit, err := o.compare[again].Compare(want, same, threshold)
		if err != nil {
			return nil //nolint:nilerr // the primary's own fault says nothing of the candidate
		}
		o.add(again, unit, true)
		o.noise.AddUnit(unit.Rows)
	}
	return nil
}

// addRuns counts device times.
func (s *Study) addRuns(x *Sample) {
	if x.PrimaryRun <= 0 || x.CandidateRun <= 0 {
		return
	}
	s.latency.add(candidate, (x.CandidateRun - x.PrimaryRun).Seconds())
	s.runs[0].add(x.PrimaryRun.Seconds())
	s.runs[1].add(x.CandidateRun.Seconds())
}

// lookAt keeps the rows that differ most of a sample that does not count.
func (s *Study) lookAt(x *Sample) {
	for _, o := range s.outputs {
		want, got := named(x.Primary, o.spec.Name), named(x.Candidate, o.spec.Name)
		if want == nil || got == nil {
			continue
		}
		if unit, err := o.look.Compare(want, got, o.noise.Threshold(o.kind)); err == nil {
			s.keepWorst(o, unit.Rows, x)
		}
	}
}

// segmentOf is the value of an input in a request's first row, as a person writes it.
func segmentOf(t *tensor.Tensor) ([]byte, bool) {
	if t == nil {
		return nil, false
	}
	return measure.ValueText(t, 0)
}
