package stats

import (
	"time"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// Snapshot is what can be said of a run that goes on. "Recent" figures are of the last whole
// second, which ended up to a quarter of a second ago; all others are of the whole measured
// window so far, without the warm-up. Latencies are in milliseconds, those of right answers to
// 1 % in recent figures and to 0.1 % in others.
type Snapshot struct {
	Elapsed time.Duration // since the run's start
	Window  Window
	// Recent rates, per second.
	Offered, Sent, Good float64
	InFlight            int64 // written and not ended
	Late                int64
	LagP99              float64
	Response, Service   LiveLatency
	Recent              struct{ Response, Service LiveLatency }
	// Stages are recent means.
	Stages []result.Stage
	// Outcomes counts requests by how they ended.
	Outcomes [sample.Outcomes]int64
	// Verified counts answers that were compared.
	Verified  int64
	BatchMean float64 // recent
}

// LiveLatency is a latency in a few figures; all are 0 without a sample. P999 and P99 are 0
// where there are too few for one.
type LiveLatency struct {
	N                   int64
	P50, P99, P999, Max float64
}

// least99 and least999 are how many samples their percentiles need.
var least99, least999 = EarlyStop(0.99, 0, Confidence), EarlyStop(0.999, 0, Confidence)

func (h *liveHistogram) sum() LiveLatency {
	l := LiveLatency{N: h.h.TotalCount()}
	if l.N == 0 {
		return l
	}
	at := func(q float64, least int64) float64 {
		if l.N < least {
			return 0
		}
		return min(float64(h.h.ValueAtPercentile(q*100))/1000, milliseconds(float64(h.max)))
	}
	l.Max = milliseconds(float64(h.max))
	l.P50, l.P99, l.P999 = at(0.5, 0), at(0.99, h.least99), at(0.999, least999)
	return l
}
