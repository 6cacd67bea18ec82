package result

import (
	"fmt"
	"strings"

	"sluice/internal/traffic"
)

// Verdict is the sentence on top of a report: what is worst if something is, and what was
// found. It reads the figures, the validity and the thresholds, not Exit.
func Verdict(r *Result) string {
	switch e := ExitStatus(r); e.Code {
	case ExitOK:
		if r.Capacity != nil || r.Ledger.Scheduled == 0 { // a search, whose runs have ledgers of their own
			return r.headline() + ": valid"
		}
		return r.headline() + ": valid, " + r.answers()
	case ExitInterrupted:
		if r.Capacity != nil {
			return "interrupted: " + r.headline()
		}
		return "interrupted: " + r.headline() + ", " + r.answers()
	case ExitWrong:
		return "WRONG ANSWERS: " + e.Reason
	default:
		return e.Reason
	}
}

// headline is the highest percentile up to p99 that is given, and the load it was seen at.
func (r *Result) headline() string {
	switch {
	case r.Capacity != nil:
		return r.Capacity.headline()
	case r.AB != nil:
		return r.AB.headline()
	}
	var text string
	for _, q := range r.Response.Quantiles {
		if q.Q > 0.99 {
			break
		}
		text = fmt.Sprintf("%s %s", traffic.QuantileName(q.Q), Milliseconds(q.Ms))
		if q.Hi > 0 {
			text += fmt.Sprintf(" (%s)", interval(q.Lo, q.Hi))
		}
	}
	if text == "" {
		text = "too few right answers for any percentile"
	}
	rate, verb := r.Load.Offered, "at"
	if r.Load.Closed {
		rate, verb = r.Load.Good, "in a closed loop of"
	}
	return fmt.Sprintf("%s %s %s/s for %s s", text, verb, significant(rate, 4), significant(r.Load.Duration, 3))
}

// interval names the unit once where both ends have the same.
func interval(lo, hi float64) string {
	l, h := Milliseconds(lo), Milliseconds(hi)
	number, unit, _ := strings.Cut(l, " ")
	if strings.HasSuffix(h, " "+unit) {
		l = number
	}
	return l + " to " + h
}

// answers says how many were right, and what is known of that.
func (r *Result) answers() string {
	l, v := &r.Ledger, &r.Verify
	var checked string
	switch n := l.OK + l.Wrong; {
	case v.Checked == 0:
		checked = "answers not compared"
		if v.Why != "" {
			checked += " (" + v.Why + ")"
		}
	case v.Checked == n && n == l.Scheduled:
		return fmt.Sprintf("all %s answers right", Thousands(n))
	case v.Checked >= n:
		checked = fmt.Sprintf("%s answers right", Thousands(l.OK))
	default:
		checked = fmt.Sprintf("%s of %s answers compared, all right", Thousands(v.Checked), Thousands(n))
	}
	if bad := l.Scheduled - l.OK; bad > 0 {
		checked += fmt.Sprintf("; %s of %s requests without one (%s)", Percent(float64(bad)/float64(l.Scheduled)), Thousands(l.Scheduled), l.misses())
	}
	return checked
}

// misses lists the outcomes of requests without a right answer.
func (l *Ledger) misses() string {
	var parts []string
	for _, o := range []struct {
		name string
		n    int64
	}{
		{"rejected", l.Rejected},
		{"timeout", l.Timeout},
		{"server_err", l.ServerErr},
		{"client_err", l.ClientErr},
		{"refused", l.Refused},
		{"lost", l.LostAfter},
		{"unsent", l.FailedBefore},
		{"wrong", l.Wrong},
	} {
		if o.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Thousands(o.n), o.name))
		}
	}
	return strings.Join(parts, ", ")
}

func (c *Capacity) headline() string {
	if c.Capacity == 0 {
		return fmt.Sprintf("no rate was found that holds %s", c.Objective)
	}
	text := fmt.Sprintf("capacity %s/s", significant(c.Capacity, 4))
	if c.Hi > 0 {
		text += fmt.Sprintf(" (%s to %s)", significant(c.Lo, 4), significant(c.Hi, 4))
	}
	text += " holds " + c.Objective
	if c.Upper > 0 {
		text += fmt.Sprintf("; %s/s does not", significant(c.Upper, 4))
	}
	if c.Limit != "" {
		text += ", first limit " + c.Limit
	}
	return text
}

// headline is every metric that shows a difference, or says that none does and how small one
// could have been seen.
func (ab *AB) headline() string {
	var shown []string
	least, of := 0.0, ""
	for _, m := range ab.Metrics {
		if m.Verdict != "" && m.Verdict != "no difference shown" {
			shown = append(shown, fmt.Sprintf("%s: %s of B is %s times that of A (%s to %s)", m.Verdict, m.Name, significant(m.Ratio, 3), significant(m.Lo, 3), significant(m.Hi, 3)))
		}
		if m.Detectable > 0 && (least == 0 || m.Detectable < least) {
			least, of = m.Detectable, m.Name
		}
	}
	if f := ab.Failures; f != nil && f.Verdict != "" && f.Verdict != "no difference shown" {
		shown = append(shown, fmt.Sprintf("%s: %s of its requests, A %s", f.Verdict, Percent(f.B), Percent(f.A)))
	}
	switch {
	case len(shown) > 0:
		return strings.Join(shown, "; ")
	case len(ab.Metrics) == 0:
		return "nothing could be compared, for want of right answers"
	case least == 0:
		return "no difference shown"
	}
	return fmt.Sprintf("no difference shown; the smallest that the run could have shown is %s of %s", Percent(least), of)
}
