package result

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/internal/traffic"
)

// Objective is what a rate must hold to be within a server's capacity.
type Objective struct {
	Text string
	// Quantile of the requests must be answered rightly within Limit. It is of all requests:
	// one without a right answer is over the limit, or a server that refuses everything would
	// hold every objective.
	Quantile float64
	Limit    time.Duration
	// Errors is the part of all requests that may end without a right answer, from 0 to 1; 1
	// if the text does not say, so that Quantile alone bounds it.
	Errors float64
}

// ParseObjective reads bounds separated by commas: exactly one percentile of the response
// latency, and at will err and wrong, such as p99<10ms,err<0.1%,wrong==0.
func ParseObjective(text string) (Objective, error) {
	o := Objective{Text: text, Errors: 1}
	all, err := traffic.ParseConditions(text)
	if err != nil {
		return Objective{}, err
	}
	at := 0
	parts := strings.Split(text, ",")
	for i, c := range all {
		fault := func(format string, args ...any) (Objective, error) {
			return Objective{}, fmt.Errorf("cannot read the objective %q: column %d: %s", text, utf8.RuneCountInString(text[:at])+1, fmt.Sprintf(format, args...))
		}
		switch {
		case c.Seconds > 0 || c.FromBelow():
			return fault("%q is not a bound from above on the whole probe; use a form such as p99<10ms,err<0.1%%,wrong==0", parts[i])
		case (c.Figure == "p" || c.Figure == "response.p") && o.Quantile == 0 && c.Bound > 0:
			o.Quantile, o.Limit = c.Quantile, c.Limit()
		case c.Figure == "err" && o.Errors == 1 && (c.Share || c.Bound == 0):
			o.Errors = min(c.Bound, 1)
		case c.Figure == "wrong" && c.Op != "<" && c.Bound == 0: // so it is anyway
		default:
			return fault("%q cannot be part of it: an objective is one percentile of the latency of all requests above 0, and at will err<PART%% and wrong==0", parts[i])
		}
		at += len(parts[i]) + 1
	}
	if o.Quantile == 0 {
		return Objective{}, fmt.Errorf("cannot read the objective %q: column %d: it bounds no latency; add one such as p99<10ms", text, utf8.RuneCountInString(text)+1)
	}
	return o, nil
}
