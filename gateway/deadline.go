package gateway

import (
	"time"

	"sluice/internal/fault"
	"sluice/internal/http1"
	"sluice/internal/task"
)

// deadline fixes by when the request has to be answered: the time from its arrival that its head asks for,
// else what the protocol's timeout parameter does (timeout.go), else the model's own. Where the head names
// one the parameter can only shorten it. What else the head asks for is read here too.
func (g *Gateway) deadline(x *Exchange) Step {
	info := x.Model.Info()
	budget := info.Budget
	if value := x.Head.Budget; value != nil {
		longest := g.opt.Limits.MaxBudget
		d, ok := parseMillis(value)
		if !ok || d <= 0 || d > longest {
			return x.fails(fault.Newf(fault.InvalidTimeout, "Sluice-Budget-Ms must be a number of milliseconds above 0 and at most %d (limits.max_budget)", longest.Milliseconds()))
		}
		x.budgeted, budget = true, d
	}
	x.Task.Deadline = x.Arrived.Add(budget)
	var f *fault.Error
	if x.form, f = answerForm(x.Head.Nonfinite, info.NullNonFinite, g.opt.Limits.MaxAnswerBytes); f != nil {
		return x.fails(f)
	}
	if x.Explain = x.Head.Explain != nil; x.Explain && string(x.Head.Explain) != "features" {
		return x.fails(fault.Newf(fault.InvalidParameter, "Sluice-Explain is %.40q; it must be features", x.Head.Explain))
	}
	return GoesOn
}

// mostDigits is what the digits of a duration may come to before one more: ten times as much, in
// nanoseconds, is still a Duration.
const mostDigits = 1 << 39

// parseMillis reads digits with at most three decimals.
func parseMillis(b []byte) (time.Duration, bool) {
	us, decimals := int64(0), -1
	for _, c := range b {
		if c == '.' && decimals < 0 {
			decimals = 0
			continue
		}
		if !http1.IsDigit(c) || us > mostDigits || decimals == 3 {
			return 0, false
		}
		us = us*10 + int64(c-'0')
		if decimals >= 0 {
			decimals++
		}
	}
	if len(b) == 0 || decimals == 0 {
		return 0, false
	}
	for d := max(decimals, 0); d < 3; d++ {
		us *= 10
	}
	return time.Duration(us) * time.Microsecond, true
}

// priority is the class that the protocol's priority parameter asks for: 1 is the
// highest, 0 means none was given.
func priority(p uint64) task.Priority {
	switch p {
	case 1:
		return task.High
	case 0, 2:
		return task.Normal
	}
	return task.Low
}
