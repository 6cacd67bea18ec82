package gates

import (
	"slices"
	"time"

	"sluice/internal/cost"
	"sluice/models/inputs"
)

// measurement is what one batch size cost so far.
type measurement struct {
	batch []inputs.Request
	first time.Duration // the quickest run that does not count, in case none does
	times []time.Duration
	runs  int // all of them
}

// newMeasurement fills a batch of that size with the rows, repeated as needed.
func newMeasurement(rows []inputs.Request, size int) *measurement {
	m := &measurement{batch: make([]inputs.Request, size)}
	for i := range m.batch {
		m.batch[i] = rows[i%len(rows)]
	}
	return m
}

// settle notes a run that does not count.
func (m *measurement) settle(took time.Duration) {
	if m.first == 0 || took < m.first {
		m.first = took
	}
}

// steady tells whether the times are known: the two quickest rounds agree.
func (m *measurement) steady() bool {
	medians := m.medians()
	return len(medians) >= minRounds && float64(medians[1]) <= steadyRatio*float64(medians[0])
}

// medians are those of the rounds, the quickest first.
func (m *measurement) medians() []time.Duration {
	var medians []time.Duration
	for round := range slices.Chunk(m.times, runsPerRound) {
		if len(round) == runsPerRound || len(medians) == 0 {
			medians = append(medians, quantile(round, 0.5))
		}
	}
	slices.Sort(medians)
	return medians
}

// point is the cost: the median of the quickest round, since what disturbs a run only
// makes it slower, and the 95th percentile of all, disturbed or not.
func (m *measurement) point() cost.Point {
	if len(m.times) == 0 {
		return cost.Point{Rows: len(m.batch), P50: m.first, P95: m.first}
	}
	return cost.Point{Rows: len(m.batch), P50: m.medians()[0], P95: quantile(m.times, 0.95)}
}

// quantile is the nearest-rank quantile of a short list.
func quantile(times []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	rank := int(q*float64(len(sorted)) + 0.999999)
	return sorted[min(max(rank, 1), len(sorted))-1]
}
