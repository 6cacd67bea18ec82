package loop

import (
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// Cheap answers yield to the runs. A cheap answer is one that no model is run for: a refusal, a fault of the
// request, a health check. It costs some microseconds, and clients that ask again at once can want as many of them
// as there is processor time. Two rules protect the lanes from that.
//
// A connection whose request was refused for want of capacity is left unread for a moment. The moment is longer the
// more such connections there are, because each of them is less likely to be admitted. It is short in any case: the
// next request on the connection may be another caller's.
//
// While a model has requests, cheap answers may be only so many for each of the model's, if that makes the
// demand for them fall (elastic.go). Connections that had one and come back when there is no room for
// more wait their turn. New connections, those that the model answered last, and those that leave some
// time between their requests, as probes do, are read at once.

const (
	holdEach  = 64 * time.Microsecond // for each connection that is held
	holdMost  = 2 * time.Millisecond  // below holdMany of them
	holdMany  = 256                   // from here on in proportion to them
	holdShare = 4                     // the part of the budget that is never passed
)

// HoldFor is how long the connection of a refused request with that budget is left unread, when so
// many connections are, this one among them.
func HoldFor(held int, budget time.Duration) time.Duration {
	d := min(time.Duration(held)*holdEach, holdMost)
	if held > holdMany {
		d = time.Duration(held) * holdMost / holdMany
	}
	return min(d, budget/holdShare)
}

// allowance is how many cheap answers may be given. It grows with the answers of models, and a little with time. So
// cheap answers cost a fixed part of what the runs get done, also beside busy neighbours on the machine.
type allowance struct {
	left   atomic.Int64 // in thousandths of an answer; negative if too many were given
	since  atomic.Int64 // a clock.Instant: up to which time has been counted
	demand elasticity
}

const (
	// perAnswer is how many cheap answers a model's answer makes room for, in thousandths. A cheap one
	// takes server and client a fifth of what an answer of a small model takes.
	perAnswer = 125
	// perSecond is how many a worker may give in any case, so that refusals also come where a run
	// takes long. They cost a fiftieth of its processor.
	perSecond = 1000
	// savedAnswers is how many can be saved up for bursts, in thousandths, and how many given beforehand
	// to those who do not wait.
	savedAnswers = 200_000
	// passEvery is how often time is counted, at most.
	passEvery = 250 * time.Microsecond
	// probeAfter is how long after a cheap answer the next request does not count as one of many.
	probeAfter = 50 * time.Millisecond
)

func (a *allowance) add(thousandths int64) {
	if left := a.left.Add(thousandths); left > savedAnswers {
		a.left.Add(savedAnswers - left)
	} else if left < -savedAnswers {
		a.left.Add(-savedAnswers - left)
	}
}

// answered notes an answer of a model.
func (a *allowance) answered() { a.add(perAnswer) }

// pass notes the time, for so many workers, and how many connections wait their turn and have a request.
func (a *allowance) pass(now clock.Instant, workers int, waiting, pending int32) {
	since := a.since.Load()
	passed := now.Sub(clock.Instant(since))
	if passed >= passEvery && a.since.CompareAndSwap(since, int64(now)) {
		a.add(perSecond * int64(workers) * int64(min(passed, time.Second)/time.Microsecond) / 1000)
		a.demand.note(now, waiting, pending)
	}
}

// take notes a cheap answer.
func (a *allowance) take() { a.add(-1000) }

// spent reports whether nothing is left, at a time when that counts.
func (a *allowance) spent(now clock.Instant) bool {
	return a.left.Load() <= 0 && a.demand.limited(now)
}
