package rig

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"
)

// Sum is what a stretch of records comes to.
type Sum struct {
	Sent, OK, Late, Wrong, No, Deadline, Bad, Odd, Left, Refused, Lost int
	// P99 is of good answers, from the moment that they were due.
	P99 time.Duration
	// Example is the detail of a wrong, odd or lost one.
	Example string
}

// Tally sums the records that were due in a stretch and that keep selects; a nil keep takes all.
func Tally(records []Record, from, to time.Duration, keep func(*Record) bool) (s Sum) {
	counts := map[Outcome]*int{
		OK: &s.OK, Wrong: &s.Wrong, No: &s.No, Deadline: &s.Deadline, Bad: &s.Bad, Odd: &s.Odd, Left: &s.Left, Refused: &s.Refused, Lost: &s.Lost,
	}
	var took []time.Duration
	for i := range records {
		r := &records[i]
		if r.Due < from || r.Due >= to || keep != nil && !keep(r) {
			continue
		}
		s.Sent++
		*counts[r.Outcome]++
		if r.Outcome == OK {
			took = append(took, r.Took)
			if r.Budget > 0 && r.Served > r.Budget {
				s.Late++
			}
		}
		if r.Outcome == Wrong || r.Outcome == Odd || r.Outcome == Lost {
			s.Example = fmt.Sprintf("%s %s after %v: %s", r.Model, r.Outcome, r.Took.Round(time.Millisecond), r.Detail)
		}
	}
	if n := float64(len(took)); n > 0 {
		slices.Sort(took)
		s.P99 = took[int(math.Ceil(0.99*n))-1]
	}
	return s
}

// All is the end of every stretch.
const All = time.Duration(math.MaxInt64)

// String names what occurred.
func (s Sum) String() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d sent, %d ok", s.Sent, s.OK)
	for _, part := range []struct {
		n    int
		name string
	}{
		{s.Late, "late"},
		{s.Wrong, "wrong"},
		{s.No, "refused honestly"},
		{s.Deadline, "504"},
		{s.Bad, "bad as they must be"},
		{s.Odd, "odd"},
		{s.Left, "left"},
		{s.Refused, "not connected"},
		{s.Lost, "lost"},
	} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.name)
		}
	}
	fmt.Fprintf(&b, ", p99 %v", s.P99.Round(100*time.Microsecond))
	return b.String()
}
