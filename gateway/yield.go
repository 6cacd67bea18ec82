package gateway

import (
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// Cheap answers yield to the runs. An answer that no model is run for (a refusal, a fault of the
// request, a health check) costs some microseconds, and clients that ask again at once can want
// as many of them as there is processor time. Two rules keep that from the lanes.
//
// A connection whose request was refused for want of capacity is left unread for a moment: longer
// the more such connections there are, because each of them is less likely to be admitted. A
// connection is not a client, and the next request on it may be another caller's, so the moment
// is short.
//
// While a model has requests, cheap answers may be only so many for each of the model's. Connections
// that had one and come back when there is no room for more wait their turn. Fresh ones, those that
// the model answered last, and those that leave some time between their requests, as probes do, are
// read as soon as ever.

const (
	holdEach  = 64 * time.Microsecond // for each connection that is held
	holdMost  = 2 * time.Millisecond  // below holdMany of them
	holdMany  = 256                   // from here on in proportion to them
	holdShare = 4                     // the part of the budget that is never passed
)

// holdFor is how long the connection of a refused request with that budget is left unread, when so
// many connections are, this one among them.
func holdFor(held int, budget time.Duration) time.Duration {
	d := min(time.Duration(held)*holdEach, holdMost)
	if held > holdMany {
		d = time.Duration(held) * holdMost / holdMany
	}
	return min(d, budget/holdShare)
}

// allowance is how many cheap answers may be given. It grows with the answers of models, and a
// little with time. So what they cost stays in proportion to what the runs get done, also beside
// busy neighbours.
type allowance struct {
	left  atomic.Int64 // in thousandths of an answer; negative if too many were given
	since atomic.Int64 // a clock.Instant: up to which time has been counted
}

const (
	// perAnswer is how many cheap answers a model's answer makes room for, in thousandths. More, and a
	// storm takes more from the runs; fewer, and under less overload refusals queue: of an open
	// loop at three times the capacity two of three are refused.
	perAnswer = 2000
	// perSecond is how many a worker may give in any case, so that refusals also come where a run
	// takes long. They cost a fiftieth of its processor.
	perSecond = 2000
	// savedAnswers is how many can be saved up for bursts, in thousandths.
	savedAnswers = 200_000
	// passEvery is how often time is counted, at most.
	passEvery = 250 * time.Microsecond
	// probeAfter is how long after a cheap answer the next request does not count as one of many.
	probeAfter = 50 * time.Millisecond
)

func (a *allowance) add(thousandths int64) {
	if left := a.left.Add(thousandths); left > savedAnswers {
		a.left.Add(savedAnswers - left)
	}
}

// answered notes an answer of a model.
func (a *allowance) answered() { a.add(perAnswer) }

// pass notes the time, for so many workers.
func (a *allowance) pass(now clock.Instant, workers int) {
	since := a.since.Load()
	passed := now.Sub(clock.Instant(since))
	if passed >= passEvery && a.since.CompareAndSwap(since, int64(now)) {
		a.add(perSecond * int64(workers) * int64(min(passed, time.Second)/time.Microsecond) / 1000)
	}
}

// take notes a cheap answer.
func (a *allowance) take() { a.left.Add(-1000) }

// spent reports whether nothing is left.
func (a *allowance) spent() bool { return a.left.Load() <= 0 }
