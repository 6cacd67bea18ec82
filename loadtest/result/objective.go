package result

import (
	"fmt"
	"strings"
	"time"
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
	// NoWrong says that no answer may be wrong.
	NoWrong bool
}

// ParseObjective reads bounds separated by commas: exactly one percentile of the response
// latency, and at will err and wrong, such as p99<10ms,err<0.1%,wrong==0.
func ParseObjective(text string) (Objective, error) {
	o := Objective{Text: text, Errors: 1}
	fault := func(at int, format string, args ...any) (Objective, error) {
		return Objective{}, fmt.Errorf("cannot read the objective %q: %w", text, parser{text}.fault(at, format, args...))
	}
	at := 0
	for _, bound := range strings.Split(text, ",") {
		c, err := parser{bound}.condition()
		switch {
		case err != nil:
			return Objective{}, fmt.Errorf("cannot read %q, which begins at column %d of the objective %q: %w", bound, at+1, text, err)
		case c.seconds > 0 || c.op[0] == '>':
			return fault(at, "%q is not a bound from above on the whole probe; use a form such as p99<10ms,err<0.1%%,wrong==0", bound)
		case c.quantile > 0 && (c.metric.name == "p" || c.metric.name == "response.p") && o.Quantile == 0 && c.bound > 0:
			o.Quantile, o.Limit = c.quantile, time.Duration(c.bound*float64(time.Millisecond))
		case c.metric.name == "err" && o.Errors == 1 && (c.share || c.bound == 0):
			o.Errors = c.bound
		case c.metric.name == "wrong" && c.op != "<" && c.bound == 0:
			o.NoWrong = true
		default:
			return fault(at, "%q cannot be part of it: an objective is one percentile of the response latency above 0, and at will err<PART%% and wrong==0", bound)
		}
		at += len(bound) + 1
	}
	if o.Quantile == 0 {
		return fault(len(text), "it bounds no latency; add one such as p99<10ms")
	}
	return o, nil
}
