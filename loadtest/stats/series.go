package stats

import (
	"time"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// second gathers one second of the series.
type second struct {
	response, service, lag []int64
	outcomes               [sample.Outcomes]int64
	sent                   int64
	answers                int64   // that name their batch
	batches                float64 // that they ran in
}

// series is the run by seconds of the intended instants. Its percentiles are of a second's
// samples by nearest rank, however few: a picture, not a statement about the target.
func series(samples []sample.Sample, w Window, timeout time.Duration) []result.Second {
	seconds := make([]second, w.seconds())
	for i := range samples {
		if s := &samples[i]; w.holds(s) {
			seconds[w.second(s.Intended)].add(s)
		}
	}
	inFlight := inFlight(samples, w, timeout)
	all := make([]result.Second, len(seconds))
	for k := range seconds {
		all[k] = seconds[k].sum()
		all[k].T, all[k].InFlight = float64(k), inFlight[k]
	}
	return all
}

func (c *second) add(s *sample.Sample) {
	c.outcomes[s.Outcome]++
	if s.Written > 0 {
		c.sent++
		c.lag = append(c.lag, int64(s.Lag()))
	}
	if s.Outcome != sample.OK {
		return
	}
	c.response = append(c.response, int64(s.Response()))
	c.service = append(c.service, int64(s.Service()))
	if s.Batch > 0 {
		c.answers++
		c.batches += 1 / float64(s.Batch)
	}
}

func (c *second) sum() result.Second {
	s := result.Second{Sent: c.sent, Good: c.outcomes[sample.OK], Batch: batchMean(c.answers, c.batches)}
	s.Outcomes, s.Offered = byName(&c.outcomes)
	sortLatencies(c.response)
	sortLatencies(c.service)
	sortLatencies(c.lag)
	s.P50, s.P90, s.P99, s.Max = nearest(c.response, 0.5), nearest(c.response, 0.9), nearest(c.response, 0.99), nearest(c.response, 1)
	s.Service, s.Lag = nearest(c.service, 0.99), nearest(c.lag, 0.99)
	for i, q := range result.EveryQuantiles {
		if at := rank(q, s.Offered); at > 0 && at <= int64(len(c.response)) {
			s.Every[i] = milliseconds(float64(c.response[at-1]))
		}
	}
	return s
}

// byName are the outcomes that there were, and how many requests they are.
func byName(outcomes *[sample.Outcomes]int64) (all map[string]int64, sum int64) {
	for o, n := range outcomes {
		if n == 0 {
			continue
		}
		if all == nil {
			all = map[string]int64{}
		}
		all[sample.Outcome(o).String()] = n
		sum += n
	}
	return all, sum
}

// batchMean is the mean size of the batches, as the server would count it. Large batches
// are named by more answers, so the mean over answers would be too large: an answer of a
// batch of b stands for the b-th part of it. Requests of several rows each give the same,
// as long as all have as many.
func batchMean(answers int64, batches float64) float64 {
	if answers == 0 {
		return 0
	}
	return float64(answers) / batches
}

// inFlight counts at the end of each second which requests had been written and had not ended.
// Those of the warm-up are in flight too. Nobody knows when the connection of a lost one broke,
// so these are not counted.
func inFlight(samples []sample.Sample, w Window, timeout time.Duration) []int64 {
	n := make([]int64, w.seconds())
	change := func(at time.Duration, by int64) {
		if k := max(w.second(at), 0); k < len(n) {
			n[k] += by
		}
	}
	for i := range samples {
		s := &samples[i]
		if s.Written == 0 {
			continue
		}
		end := s.Last
		switch {
		case end > 0:
		case s.Outcome == sample.Timeout:
			end = s.Intended + timeout
		case s.Outcome == sample.None:
			end = w.To + time.Second // not yet
		default:
			continue
		}
		change(s.Written, 1)
		change(end, -1)
	}
	for k := 1; k < len(n); k++ {
		n[k] += n[k-1]
	}
	return n
}
