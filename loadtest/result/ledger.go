package result

import (
	"fmt"

	"sluice/loadtest/sample"
)

// Of is the count of an outcome; nil of sample.None, which no request ends with.
func (l *Ledger) Of(o sample.Outcome) *int64 {
	return [sample.Outcomes]*int64{
		nil, &l.OK, &l.Wrong, &l.Rejected, &l.ClientErr, &l.ServerErr, &l.Timeout, &l.Refused, &l.FailedBefore, &l.LostAfter,
	}[o]
}

// Ended counts the requests that have an outcome.
func (l *Ledger) Ended() (n int64) {
	for o := sample.OK; int(o) < sample.Outcomes; o++ {
		n += *l.Of(o)
	}
	return n
}

// Close checks that every scheduled request has one outcome and that no answer came that
// nobody was waiting for. It sets Closed and returns a sentence that says what is off, or "".
func (l *Ledger) Close() string {
	sum := l.Ended()
	l.Closed = false
	switch {
	case sum < l.Scheduled:
		return fmt.Sprintf("%s of %s scheduled requests have no outcome", Thousands(l.Scheduled-sum), Thousands(l.Scheduled)) + l.extra(", and ")
	case sum > l.Scheduled:
		return fmt.Sprintf("%s outcomes are told of %s scheduled requests", Thousands(sum), Thousands(l.Scheduled)) + l.extra(", and ")
	case l.Extra != 0:
		return l.extra("")
	}
	l.Closed = true
	return ""
}

func (l *Ledger) extra(before string) string {
	switch l.Extra {
	case 0:
		return ""
	case 1:
		return before + "1 answer came that nobody was waiting for"
	default:
		return fmt.Sprintf("%s%s answers came that nobody was waiting for", before, Thousands(l.Extra))
	}
}
