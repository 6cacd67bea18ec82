package search

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"sluice/loadtest/result"
)

// server is a simulated target in virtual time: Poisson arrivals at a rate, one response time each.
type server struct {
	objective result.Objective
	// respond returns a response time in seconds for an arrival after a gap.
	respond func(gap float64, rng *rand.Rand) float64
	// disturb, if given, changes a finished measurement.
	disturb func(m *Measured, rate float64, rng *rand.Rand)
	// independent leaves out the blocks.
	independent bool
	// reset starts each probe with an empty server.
	reset func()

	asked []float64
	spent time.Duration
}

func (s *server) probe(_ context.Context, rate float64, seed uint64, length time.Duration, _ string) (Measured, error) {
	s.asked = append(s.asked, rate)
	s.spent += length
	rng := rand.New(rand.NewPCG(seed, 1))
	m := Measured{Valid: true, Blocks: make([]Block, int(length.Seconds()+0.999))}
	var responses []float64
	s.reset()
	// The measured window follows a warm-up of a second, in which the queue finds its length.
	for at := -1.0; ; {
		gap := rng.ExpFloat64() / rate
		if at += gap; at >= length.Seconds() {
			break
		}
		r := s.respond(gap, rng)
		if at < 0 {
			continue
		}
		responses = append(responses, r)
		b := &m.Blocks[int(at)]
		b.N++
		if r > s.objective.Limit.Seconds() {
			b.Over++
			m.Over++
		}
	}
	m.N = int64(len(responses))
	m.Good = float64(m.N) / length.Seconds()
	if m.N > 0 {
		slices.Sort(responses)
		m.P50, m.P99 = 1e3*responses[m.N/2], 1e3*responses[m.N*99/100]
	}
	if s.independent {
		m.Blocks = nil
	}
	if s.disturb != nil {
		s.disturb(&m, rate, rng)
	}
	return m, nil
}

// md1Server has a fixed service time, by Lindley's recursion.
func md1Server(service time.Duration, o result.Objective) *server {
	var wait float64
	s := &server{objective: o}
	s.reset = func() { wait = 0 }
	s.respond = func(gap float64, _ *rand.Rand) float64 {
		// wait holds what the request before this one left behind: its wait and its service.
		wait = max(0, wait-gap)
		response := wait + service.Seconds()
		wait = response
		return response
	}
	return s
}

// batchServer waits for company: at a low rate a request sits out the delay, at a higher one
// the batch of so many requests is full sooner.
func batchServer(o result.Objective, service time.Duration, size int, delay time.Duration) *server {
	s := md1Server(service, o)
	queue := s.respond
	var fill float64 // time that the last size gaps took
	var gaps []float64
	s.respond = func(gap float64, rng *rand.Rand) float64 {
		gaps = append(gaps, gap)
		fill += gap
		if len(gaps) > size {
			fill -= gaps[len(gaps)-1-size]
		}
		return queue(gap, rng) + min(delay.Seconds(), fill)
	}
	reset := s.reset
	s.reset = func() { reset(); fill, gaps = 0, nil }
	return s
}
