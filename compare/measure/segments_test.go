package measure

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestSegments holds the figures of each segment to their definitions, and which ones are reported.
func TestSegments(t *testing.T) {
	var s Segments
	r := rand.New(rand.NewPCG(3, 0))
	all := map[string][]float64{}
	add := func(value string, n int, mean float64) {
		for range n {
			x := mean + r.NormFloat64()
			s.Add([]byte(value), x)
			s.Add([]byte(value), nan) // no number
			all[value] = append(all[value], x)
		}
	}
	add("small", minUnits-1, 9)
	add("plus", minUnits, 1)
	add("minus", 300, -5)
	add("just", minUnits, 0.25)
	for i := range maxSegments {
		add(fmt.Sprint("v", i), 2, 3) // the last four come too late
	}
	add("plus", 50, 1)
	var others []float64
	for value, numbers := range all {
		if value != "plus" && value != "minus" && value != "just" {
			others = append(others, numbers...)
		}
	}
	var read Segments
	reload(t, &s, &read)
	for _, segments := range []*Segments{&s, &read} {
		got := segments.Report()
		if len(got) != 4 || len(segments.byValue) != maxSegments || segments.other.Units != 8 {
			t.Fatalf("%d segments are reported, %d known, %d units in none", len(got), len(segments.byValue), segments.other.Units)
		}
		for i, want := range []struct {
			value   string
			numbers []float64
		}{{"minus", all["minus"]}, {"plus", all["plus"]}, {"just", all["just"]}, {"", others}} {
			mean, variance := moments(want.numbers)
			if g := got[i]; g.Value != want.value || g.Other != (want.value == "") || g.Units != int64(len(want.numbers)) || !near(g.Mean, mean, 1e-9) || !near(g.Variance(), variance, 1e-9) {
				t.Errorf("%+v has the variance %v, want %q with %d units, the mean %v and the variance %v", g, g.Variance(), want.value, len(want.numbers), mean, variance)
			}
		}
	}
	if got := (&Segments{}).Report(); len(got) != 0 {
		t.Errorf("no unit gives %v", got)
	}
	if v := (&Segment{Units: 1}).Variance(); v != 0 {
		t.Errorf("one unit has the variance %v", v)
	}
	var huge Segments
	huge.Add(nil, inf)
	huge.Add(nil, -inf)
	if got := huge.Report(); got[0].Mean != 0 || !finite(got[0].Squares) {
		t.Errorf("infinities give %+v", got)
	}
}

func moments(numbers []float64) (mean, variance float64) {
	for _, x := range numbers {
		mean += x / float64(len(numbers))
	}
	for _, x := range numbers {
		variance += (x - mean) * (x - mean) / float64(len(numbers)-1)
	}
	return mean, variance
}
