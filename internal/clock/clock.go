// Package clock is the gateway's one notion of time: a monotonic instant in
// nanoseconds. Deadlines are instants fixed once at arrival; every stage compares
// with them and none restarts a timeout. Wall-clock time appears only in logs and
// statistics for people.
package clock

import "time"

// Instant is a point on the process's monotonic clock, in nanoseconds. Zero is
// the start of the process; a simulator may give it any other meaning. Only
// differences and comparisons are meaningful.
type Instant int64

// Never is later than every deadline.
const Never = Instant(1<<63 - 1)

var start = time.Now()

// Now reads the monotonic clock.
func Now() Instant { return Instant(time.Since(start)) }

// At converts a time with a monotonic reading (time.Now, a request's arrival).
func At(t time.Time) Instant { return Instant(t.Sub(start)) }

// Add returns the instant d later, saturating at Never.
func (i Instant) Add(d time.Duration) Instant {
	sum := i + Instant(d)
	if d > 0 && sum < i {
		return Never
	}
	return sum
}

// Sub returns the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }
