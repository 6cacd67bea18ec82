package policy

import (
	"time"

	"sluice/internal/clock"
)

// Expect is how long a request of so many rows would take to its answer if it came now: behind all that waits, on the device where that is
// the least, and with a run that takes as long as its bound. It is for those who have something to do before they come. It is 0 where
// no device takes work, and changes nothing.
func (s *Scheduler) Expect(now clock.Instant, id ModelID, rows int) time.Duration {
	m := s.model(id)
	if m == nil {
		return 0
	}
	least := clock.Never
	for _, in := range m.on {
		if in.takes() {
			least = min(least, in.expect(now, rows))
		}
	}
	if least == clock.Never {
		return 0
	}
	return least.Sub(now)
}

func (in *instance) expect(now clock.Instant, rows int) clock.Instant {
	last := min(rows, max(in.limit, 1))
	return in.opens(now, in.drain(in.totalRows()+rows-last)).Add(in.cost.Latency(last))
}
