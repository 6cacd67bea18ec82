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
// While a model has requests, cheap answers take at most a share of the processors. Connections
// that were given one and ask again at once wait their turn, in the order of their answers. All
// others are read as soon as ever: fresh ones, those that the model answered last, and those that
// leave some time between their requests, as probes do. What those are answered counts as well.

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

// allowance is the processor time that cheap answers may take. What is taken is paid back as time
// passes.
type allowance struct {
	// share is how much of a second may be taken in a second; more than 1 with several workers.
	share float64
	paid  atomic.Int64 // a clock.Instant: when all that was taken is paid back
}

const (
	// cheapShare is the share of each worker's processor that cheap answers may take while a model
	// has requests. Higher, and the runs have less; lower, and a storm's refusals come late.
	cheapShare = 1.0 / 16
	// cheapSaved is how much of the allowance can be saved up, for bursts.
	cheapSaved = time.Millisecond
	// cheapMost bounds what one answer counts for: a worker can be stopped in the middle.
	cheapMost = 50 * time.Microsecond
)

// take notes that an answer has taken so long.
func (a *allowance) take(now clock.Instant, took time.Duration) {
	price := time.Duration(float64(min(took, cheapMost)) / a.share)
	saved := time.Duration(float64(cheapSaved) / a.share)
	for {
		paid := a.paid.Load()
		next := max(clock.Instant(paid), now.Add(-saved)).Add(price)
		if a.paid.CompareAndSwap(paid, int64(next)) {
			return
		}
	}
}

// until is when there is something left again, in the past if there is.
func (a *allowance) until() clock.Instant { return clock.Instant(a.paid.Load()) }
