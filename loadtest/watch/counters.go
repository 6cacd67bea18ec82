package watch

import (
	"context"

	"sluice/loadtest/result"
)

// Counters are what a target has counted since it started.
type Counters struct {
	// Source is sluice or triton.
	Source string
	// Accepted are requests that it began to deal with, Answered those of them that got an
	// answer, with whatever status: all but those whose client had left.
	Accepted, Answered int64
}

// ServerCounters reads the counters at a metrics address; ErrUnknownServer if nothing there has
// a known name. It takes at most a second.
func ServerCounters(ctx context.Context, url string) (Counters, error) {
	s := newScraper(url)
	defer s.close()
	t, err := s.read(ctx)
	if err != nil {
		return Counters{}, err
	}
	return Counters{t.Source, int64(t.Accepted), int64(t.Answered)}, nil
}

// Reconcile sets what a target counted between two readings against what the tool counted:
// requests that it sent, in whole, and answers that it received, of whatever status. Only a
// target that others leave alone can agree.
func Reconcile(before, after Counters, sent, received int64) *result.ServerLedger {
	l := &result.ServerLedger{
		Accepted: increase(after.Accepted, before.Accepted), Answered: increase(after.Answered, before.Answered),
		Sent: sent, Received: received,
	}
	l.Agrees = l.Accepted == sent && l.Answered == received
	return l
}

// increase is how much a counter has grown; one that is lower than before has started anew.
func increase[T int64 | float64](now, before T) T {
	if now < before {
		return now
	}
	return now - before
}

// since is what happened between two readings, per second, with the gauges of the later one.
func (t *totals) since(before *totals, seconds float64) *Rates {
	rate := func(now, before float64) float64 { return increase(now, before) / seconds }
	r := Rates(*t)
	r.Accepted, r.Answered = rate(t.Accepted, before.Accepted), rate(t.Answered, before.Answered)
	r.Sheds, r.Spills = rate(t.Sheds, before.Sheds), rate(t.Spills, before.Spills)
	r.Rows, r.Batches = rate(t.Rows, before.Rows), rate(t.Batches, before.Batches)
	r.Devices = make(map[string]float64, len(t.Devices))
	for device, rows := range t.Devices {
		r.Devices[device] = rate(rows, before.Devices[device])
	}
	return &r
}
