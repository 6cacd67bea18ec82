package compare

import (
	"slices"
	"time"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/stats"
)

// side is what one side of a pair measured.
type side struct {
	// latencies are the response times of right answers, in ms, ascending but where sides were pooled.
	latencies []float64
	sent      int
	failed    int     // without a right answer
	good      int     // right answers, those of the guard time too: the CPU was used for both
	cpu       float64 // seconds
}

// Parts that the requests of a block play.
const (
	tested = iota
	labelOne
	labelTwo
)

// cell is what happened in a block, by target and part. In block mode all but one are empty.
type cell [2][3]side

// gather puts the samples into blocks.
func gather(samples []sample.Sample, d *Design) []cell {
	cells := make([]cell, d.Blocks)
	for i := range samples {
		s := &samples[i]
		b, ok := d.block(s.Intended)
		if !ok || s.Target > 1 {
			continue
		}
		part := tested
		if s.Group&Control != 0 {
			part = labelOne + int(s.Group&Second/Second)
		}
		at := &cells[b][s.Target][part]
		good := s.Outcome == sample.OK
		if good {
			at.good++
		}
		switch {
		case s.Group&Guard != 0:
		case good:
			at.sent++
			at.latencies = append(at.latencies, float64(s.Response())/float64(time.Millisecond))
		default:
			at.sent++
			at.failed++
		}
	}
	for i := range cells {
		for t := range cells[i] {
			for _, s := range cells[i][t] {
				slices.Sort(s.latencies)
			}
		}
	}
	return cells
}

// only returns what is not empty in a block that one target had for itself.
func (c *cell) only() (s side, target, part int) {
	for target := range c {
		for part, s := range c[target] {
			if s.sent+s.good > 0 {
				return s, target, part
			}
		}
	}
	return side{}, 0, 0
}

// sides sums up the response latency of each target, without guard time and control.
func sides(samples []sample.Sample, d *Design, seed uint64) (a, b result.Latency) {
	var columns [2]stats.Column
	for i := range samples {
		s := &samples[i]
		if _, ok := d.block(s.Intended); ok && s.Target < 2 && s.Group == 0 && s.Outcome == sample.OK {
			columns[s.Target].Add(s.Intended-d.Warmup, s.Response())
		}
	}
	length, o := time.Duration(d.Blocks)*d.Block, stats.Options{Seed: seed}
	return columns[0].Latency(length, o), columns[1].Latency(length, o)
}
