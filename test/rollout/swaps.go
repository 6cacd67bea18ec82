package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sluice/loadtest/stats"
)

const (
	// longestPhase is how long a phase with promotes, or without, is at the most.
	longestPhase = 30 * time.Second
	// afterSwap is how long after a promote is asked for an answer counts as one after it, and slower is how many times
	// the 99th percentile of those may be that of the phases without.
	afterSwap = 500 * time.Millisecond
	slower    = 1.5
)

// pair is two phases that follow each other, one with promotes and one without.
type pair struct{ with, without phase }

// phase is what was measured in one.
type phase struct {
	ledger
	// took are the latencies of the answers that count: in a phase with promotes those after one.
	took []time.Duration
}

// swaps has two versions take each other's place under load, each other phase.
func (s *stage) swaps() ([]row, error) {
	length := min(longestPhase, s.length/4)
	rng := rand.New(rand.NewPCG(s.seed, 0x726f6c6c))
	pairs := make([]pair, int(s.length/(2*length)))
	right := map[string]int{}
	swapped := 0
	for i := range pairs {
		order := []bool{true, false}
		rng.Shuffle(2, func(a, b int) { order[a], order[b] = order[b], order[a] })
		for _, with := range order {
			p, n, err := s.phase(length, with, right)
			if err != nil {
				return nil, err
			}
			if swapped += n; with {
				pairs[i].with = p
			} else {
				pairs[i].without = p
			}
		}
	}
	return append(swapRows(pairs, right, swapped), s.latencyRow(pairs)), s.change("promote", "1")
}

// phase measures one, and counts the right answers by version.
func (s *stage) phase(length time.Duration, with bool, right map[string]int) (p phase, swapped int, err error) {
	o, err := s.draw(length)
	if err != nil {
		return p, 0, err
	}
	var at []time.Duration
	r, err := s.send(o, nil, func(since func() time.Duration) error {
		for next := s.every / 2; with && next < length; next += s.every {
			time.Sleep(next - since())
			at = append(at, since())
			s.other = !s.other
			if err := s.change("promote", map[bool]string{false: "1", true: "2"}[s.other]); err != nil {
				return err
			}
		}
		time.Sleep(length - since())
		return nil
	})
	if err != nil {
		return p, 0, err
	}
	p.ledger = *r.ledger()
	for version, n := range r.right {
		right[version] += n
	}
	if !with {
		p.took = r.latencies(s.every/2, length) // the connections are there then
	}
	for _, from := range at {
		p.took = append(p.took, r.latencies(from, from+min(afterSwap, s.every/2))...)
	}
	return p, len(at), nil
}

// swapRows are the promises about what clients get.
func swapRows(pairs []pair, right map[string]int, swapped int) []row {
	var with, without ledger
	var plain []float64
	for i := range pairs {
		with.add(pairs[i].with.ledger)
		without.add(pairs[i].without.ledger)
		plain = append(plain, pairs[i].without.refused())
	}
	all := with
	all.add(without)
	mean, deviation := spread(plain)
	most := mean + 2*deviation
	var versions []string
	for version, n := range right {
		versions = append(versions, fmt.Sprintf("%d of version %s", n, version))
	}
	slices.Sort(versions)
	return []row{
		{
			what: "while versions take each other's place, clients get 200, 429 and 504 and nothing else", limit: "0 others",
			measured: fmt.Sprintf("%d promotes, %d phases with and %d without; with: %v; without: %v", swapped, len(pairs), len(pairs), &with, &without),
			held:     swapped > 0 && all.sent > 0 && all.other == 0,
		},
		{
			what: "each answer is that of one version, whole, and names it in Sluice-Model", limit: "0 wrong, answers of both versions",
			measured: fmt.Sprintf("%d wrong, %s", all.wrong, strings.Join(versions, ", ")),
			held:     all.wrong == 0 && len(versions) == 2,
		},
		{
			what: "429 and 504 are no more frequent than without", limit: fmt.Sprintf("%.4f %%: the mean of the phases without, and two standard deviations of theirs", 100*most),
			measured: fmt.Sprintf("%.4f %%", 100*with.refused()),
			held:     with.refused() <= most, timed: true,
		},
	}
}

// latencyRow is the promise about time.
func (s *stage) latencyRow(pairs []pair) row {
	var with, without []time.Duration
	var logs []float64
	for i := range pairs {
		a, b := &pairs[i].with, &pairs[i].without
		with, without = append(with, a.took...), append(without, b.took...)
		if x, y := p99(a.took), p99(b.took); x > 0 && y > 0 {
			logs = append(logs, math.Log(x.Seconds()/y.Seconds()))
		}
	}
	mean, deviation := spread(logs)
	interval := "no interval of a single pair"
	if n := len(logs); n > 1 {
		half := stats.StudentBound(0.05, n-1) * deviation / math.Sqrt(float64(n))
		interval = fmt.Sprintf("95 %% interval of %d pairs of phases %.2f to %.2f", n, math.Exp(mean-half), math.Exp(mean+half))
	}
	return row{
		what: fmt.Sprintf("the 99th percentile in the %v after a promote", min(afterSwap, s.every/2)), limit: fmt.Sprintf("%g times that without promotes", slower),
		measured: fmt.Sprintf("%.2f times, %s; %s of %d answers against %s of %d", math.Exp(mean), interval, ms(p99(with)), len(with), ms(p99(without)), len(without)),
		held:     len(logs) == len(pairs) && math.Exp(mean) <= slower, timed: true,
	}
}

// spread is the mean and the standard deviation of observations; 0 where there are too few.
func spread(all []float64) (mean, deviation float64) {
	for _, v := range all {
		mean += v / float64(len(all))
	}
	if len(all) < 2 {
		return mean, 0
	}
	for _, v := range all {
		deviation += (v - mean) * (v - mean) / float64(len(all)-1)
	}
	return mean, math.Sqrt(deviation)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3) }
