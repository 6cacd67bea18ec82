package stats

import (
	"math"

	"sluice/loadtest/result"
)

// maxSpectrum is how many points a spectrum has at most.
const maxSpectrum = 200

// spectrum is the whole distribution for a plot against 1/(1-p): X grows by a constant
// factor from 1 at the smallest sample to n at the largest, Y is the latency in ms that the
// part p = 1-1/X of the samples is below. Where there are fewer samples than points, each is
// there once.
func spectrum(sorted []int64) []result.Point {
	n := float64(len(sorted))
	var points []result.Point
	last := 0
	for i := range maxSpectrum {
		x := math.Pow(n, float64(i)/(maxSpectrum-1))
		below := int(math.Round(n * (1 - 1/x)))
		at := min(below+1, len(sorted)) // the rank
		if at == last {
			continue
		}
		last = at
		points = append(points, result.Point{X: n / (n - float64(at) + 1), Y: milliseconds(float64(sorted[at-1]))})
	}
	return points
}

// Downsample picks n of a curve's points so that its shape is kept, peaks above all: the
// first, the last, and of each of n-2 equal parts between them the one that spans the largest
// triangle with the point picked before and the mean of the part that follows. X ascends. A
// curve of no more than n points, and any for n below 3, is returned as it is. (S. Steinarsson,
// Downsampling time series for visual representation, University of Iceland, 2013: Largest
// Triangle Three Buckets)
func Downsample(points []result.Point, n int) []result.Point {
	if len(points) <= n || n < 3 {
		return points
	}
	begin := func(part int) int { return 1 + part*(len(points)-2)/(n-2) }
	picked := make([]result.Point, 0, n)
	picked = append(picked, points[0])
	for part := range n - 2 {
		a := picked[len(picked)-1]
		next := points[begin(part+1):min(begin(part+2), len(points))]
		var c result.Point
		for _, p := range next {
			c.X += p.X / float64(len(next))
			c.Y += p.Y / float64(len(next))
		}
		best, area := begin(part), -1.0
		for i := begin(part); i < begin(part+1); i++ {
			b := points[i]
			if s := math.Abs((a.X-c.X)*(b.Y-a.Y) - (a.X-b.X)*(c.Y-a.Y)); s > area {
				best, area = i, s
			}
		}
		picked = append(picked, points[best])
	}
	return append(picked, points[len(points)-1])
}
