package report

import (
	"math"

	"sluice/internal/chart"
)

// mostPoints is up to how many points a line is drawn whole.
const mostPoints = 300

// thin keeps n of the points so that the line looks the same, by the largest triangles of three
// buckets (Steinarsson, Downsampling Time Series for Visual Representation, 2013): of each bucket
// that point stays which spans the largest area with the one kept before it and the middle
// of the next bucket. The first and the last point stay. Gaps, which have no area, go if
// their bucket has anything else.
func thin(points []chart.Point, n int) []chart.Point {
	if len(points) <= n || n < 3 {
		return points
	}
	kept := make([]chart.Point, 0, n)
	kept = append(kept, points[0])
	size := float64(len(points)-2) / float64(n-2)
	edge := func(bucket int) int { return 1 + int(float64(bucket)*size) }
	for b := range n - 2 {
		from, to := edge(b), edge(b+1)
		middle := points[len(points)-1]
		if next := points[to:min(max(edge(b+2), to+1), len(points))]; b < n-3 {
			middle = mean(next)
		}
		before, best, area := kept[len(kept)-1], from, -1.0
		for i := from; i < to; i++ {
			p := points[i]
			// A comparison with what is no number is false, so gaps lose against anything.
			if a := math.Abs((before.X-middle.X)*(p.Y-before.Y) - (before.X-p.X)*(middle.Y-before.Y)); a > area || !finite(points[best].Y) && finite(p.Y) {
				best = i
				area = max(a, 0)
			}
		}
		kept = append(kept, points[best])
	}
	return append(kept, points[len(points)-1])
}

func mean(points []chart.Point) (m chart.Point) {
	for _, p := range points {
		m.X += p.X / float64(len(points))
		m.Y += p.Y / float64(len(points))
	}
	return m
}
