package search

import (
	"fmt"
	"math"
	"strings"

	"sluice/loadtest/result"
	"sluice/loadtest/stats"
)

type outcome uint8

const (
	inconclusive outcome = iota
	pass
	fail
)

func (o outcome) String() string { return [...]string{"inconclusive", "pass", "fail"}[o] }

// judge holds a valid measurement against the objective and says why in a sentence.
//
// Latency: exact binomial test at 99 % in both directions, on counts that are divided by the
// design effect, rounded towards no judgement. Errors: more than the limit with 99 % confidence
// fails, and up to the limit as counted passes; a pass does not ask for 99 %, because a
// healthy target has no errors at all and 0.1 % would take 4,603 requests to prove each time.
// A wrong answer always fails.
func judge(b result.Objective, m Measured) (outcome, string) {
	if m.N == 0 {
		return inconclusive, "nothing was sent"
	}
	if m.Wrong > 0 {
		return fail, fmt.Sprintf("%d of %d answers were wrong", m.Wrong, m.N)
	}
	errs := float64(m.Errors) / float64(m.N)
	if stats.AtLeast(m.Errors, m.N, b.Errors) <= alpha {
		return fail, fmt.Sprintf("%s of %d requests failed (limit %s)", percent(errs), m.N, percent(b.Errors))
	}
	allowed := 1 - b.Quantile
	deff := m.designEffect()
	n := int64(float64(m.N) / deff)
	over := fmt.Sprintf("%s of %d requests took more than %v", percent(float64(m.Over)/float64(m.N)), m.N, b.Limit)
	if deff >= 1.5 {
		over += fmt.Sprintf(", in clusters that make them worth %d", n)
	}
	switch {
	case stats.AtLeast(int64(float64(m.Over)/deff), n, allowed) <= alpha:
		return fail, fmt.Sprintf("%s (limit %s)", over, percent(allowed))
	case stats.AtMost(int64(math.Ceil(float64(m.Over)/deff)), n, allowed) > alpha:
		return inconclusive, fmt.Sprintf("%s: too few to tell from %s", over, percent(allowed))
	case errs > b.Errors:
		return inconclusive, fmt.Sprintf("%s of %d requests failed: too few to tell from %s", percent(errs), m.N, percent(b.Errors))
	}
	return pass, fmt.Sprintf("%s (limit %s)", over, percent(allowed))
}

// within says that a measurement is within the objective as counted, however few it counts.
func within(b result.Objective, m Measured) bool {
	n := float64(m.N)
	return m.N > 0 && m.Wrong == 0 && float64(m.Over) <= (1-b.Quantile)*n && float64(m.Errors) <= b.Errors*n
}

// percent writes a share with two significant digits.
func percent(share float64) string {
	if share >= 0.0995 {
		return fmt.Sprintf("%.0f %%", 100*share)
	}
	return fmt.Sprintf("%.2g %%", 100*share)
}

func invalidReason(m Measured) string {
	if len(m.Reasons) == 0 {
		return "invalid: the generator was at fault"
	}
	return "invalid: " + strings.Join(m.Reasons, "; ")
}
