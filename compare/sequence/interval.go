package sequence

import "math"

// Interval is a set of values that are not refuted: from Low to High, both included. It is empty if Low is above High.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// AtMost are the values that a limit allows.
func AtMost(limit float64) Interval { return Interval{math.Inf(-1), limit} }

// Within are the values that a margin around 0 allows.
func Within(margin float64) Interval { return Interval{-margin, margin} }

// Empty tells whether every value is refuted. Of a confidence sequence that means that what it measures has changed
// while it was measured, or that it is one of the alpha sequences that are wrong.
func (i Interval) Empty() bool { return i.Low > i.High }

// Excess is the interval of the share of arm AB less that of arm AA. Both hold at once with 1 - 2 alpha, if alpha is that of each
// arm. If an arm's interval is empty, the result is empty, too.
func Excess(ab, aa Interval) Interval {
	if ab.Empty() || aa.Empty() {
		return Interval{1, -1}
	}
	return Interval{ab.Low - aa.High, ab.High - aa.Low}
}

// Verdict is what an interval says about a criterion.
type Verdict string

const (
	// Pass: it is shown that the criterion holds.
	Pass Verdict = "PASS"
	// Fail: it is shown that the criterion does not hold.
	Fail Verdict = "FAIL"
	// Wait: more units can show it.
	Wait Verdict = "WAIT"
	// Look: nothing is shown, and a person decides.
	Look Verdict = "LOOK"
)

// Judge holds an interval against the values that a criterion allows: AtMost or Within. It is over when the most units or
// the most time of the comparison are reached: no verdict waits then.
func (i Interval) Judge(allowed Interval, over bool) Verdict {
	switch {
	case i.Empty():
		return Look
	case i.Low >= allowed.Low && i.High <= allowed.High:
		return Pass
	case i.Low > allowed.High || i.High < allowed.Low:
		return Fail
	case over:
		return Look
	default:
		return Wait
	}
}
