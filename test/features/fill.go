package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"sluice/features/redis"
)

const (
	fillKeys    = 20  // of a request
	fillRatio   = 1.5 // the most that the fill's p99 may be of the bare reads'
	fillCallers = 16  // of the closed loop that finds the highest rate
	fillLoop    = 2 * time.Second
)

// fills holds the fill's p99 to that of bare reads beside the same gateway, which serves the same requests with their tensors. The rate
// is half of what callers get that read and ask in turn.
func fills(p plan, dir string) (text string, held bool, err error) {
	s, err := newStage(p.binary, dir, onRedis, 10*time.Second, time.Second) // nothing is given up: what is slow is to be seen
	if err != nil {
		return "", false, err
	}
	defer s.end()
	highest, err := s.highest(p)
	if err != nil {
		return "", false, err
	}
	rng := rand.New(rand.NewPCG(p.seed, 3))
	var fill, bare []time.Duration
	var fillP99, bareP99 []float64
	for range p.turns {
		with, err := s.open(rng, highest/2, p.slice, s.askFilled)
		if err != nil {
			return "", false, err
		}
		without, err := s.open(rng, highest/2, p.slice, s.askBare)
		if err != nil {
			return "", false, err
		}
		fill, bare = append(fill, with...), append(bare, without...)
		fillP99, bareP99 = append(fillP99, millis(quantile(with, 0.99))), append(bareP99, millis(quantile(without, 0.99)))
	}
	r := ratio(fillP99, bareP99)
	text = fmt.Sprintf("Requests of %d keys, %.0f a second: half of the %.0f that %d callers get who read by the bare client and then ask with the tensor.\n\n"+
		"| What | p50, ms | p99, ms | p99 to bare, by turns | Goal %g |\n|---|---|---|---|---|\n| bare reads | %.3f | %.3f | | |\n| the fill | %.3f | %.3f | %s | %s |\n",
		fillKeys, highest/2, highest, fillCallers, fillRatio, millis(quantile(bare, 0.5)), millis(quantile(bare, 0.99)),
		millis(quantile(fill, 0.5)), millis(quantile(fill, 0.99)), r, verdict(r.low <= fillRatio, r.high <= fillRatio))
	return text, r.low <= fillRatio, nil
}

// askFilled sends ids and gives the time of the fill.
func (s *stage) askFilled(ids []int64) (time.Duration, error) {
	a := s.ask("filled", byID(ids...))
	if err := a.failure(); err != nil {
		return 0, err
	}
	if whole := fmt.Sprintf("filled=%d,cached=0,default=0,", len(ids)*columns); !strings.HasPrefix(a.features, whole) {
		return 0, fmt.Errorf("an answer says %q, want %s", a.features, whole)
	}
	return a.stageOf("fill")
}

// askBare reads the ids by the bare client, which it gives the time of, while it sends their tensor.
func (s *stage) askBare(ids []int64) (took time.Duration, err error) {
	var read sync.WaitGroup
	read.Go(func() { took, err = s.bare(ids) })
	a := s.ask("plain", given(ids...))
	read.Wait()
	return took, errors.Join(err, a.failure())
}

func (s *stage) bare(ids []int64) (time.Duration, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = s.names[id]
	}
	read := bareRead(s.redis.Client, commandsFor(redis.Feast, s.group, names))
	begun := time.Now()
	err := read()
	return time.Since(begun), err
}

// highest is the rate of a closed loop of bare reads with the requests beside them.
func (s *stage) highest(p plan) (float64, error) {
	var mu sync.Mutex
	var callers sync.WaitGroup
	n, failure := 0, error(nil)
	for c := range fillCallers {
		rng := rand.New(rand.NewPCG(p.seed, uint64(c)))
		callers.Go(func() {
			for begun := time.Now(); time.Since(begun) < fillLoop; {
				_, err := s.askBare(draw(rng))
				mu.Lock()
				n++
				failure = errors.Join(failure, err)
				stop := failure != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	callers.Wait()
	return float64(n) / fillLoop.Seconds(), failure
}

// draw draws the ids of a request.
func draw(rng *rand.Rand) []int64 {
	ids := make([]int64, fillKeys)
	for i := range ids {
		ids[i] = rng.Int64N(entities)
	}
	return ids
}

// open has something done at the instants of a Poisson process, and gives the times that it gives.
func (s *stage) open(rng *rand.Rand, rate float64, length time.Duration, do func(ids []int64) (time.Duration, error)) (took []time.Duration, err error) {
	var mu sync.Mutex
	var under sync.WaitGroup
	begun := time.Now()
	for due := time.Duration(0); due < length; due += poisson(rng, rate) {
		time.Sleep(time.Until(begun.Add(due)))
		ids := draw(rng)
		under.Go(func() {
			d, failure := do(ids)
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, d), errors.Join(err, failure)
		})
	}
	under.Wait()
	return took, err
}
