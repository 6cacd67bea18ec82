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
