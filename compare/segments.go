package compare

import (
	"math"

	"sluice/compare/measure"
	"sluice/compare/sequence"
)

// falseFinds is the expected share of false finds among the segments that are found.
const falseFinds = 0.1

// segmentsOf are the segments of all inputs, corrected together.
func (s *Study) segmentsOf(o *output) (list []Segment) {
	for i, name := range s.o.Segments {
		all := o.segments[i].Report()
		for k := range all {
			list = append(list, against(name, all, k))
		}
	}
	p := make([]float64, len(list))
	for i := range list {
		p[i] = list[i].P
	}
	for i, found := range sequence.BenjaminiHochberg(p, falseFinds) {
		list[i].Found = found
	}
	return list
}

// against holds a segment against the units of all others: Welch's test with the normal distribution, as a segment has 200 units.
func against(input string, all []measure.Segment, k int) Segment {
	seg := &all[k]
	n, mean, squares := 0.0, 0.0, 0.0
	for i := range all {
		if i == k {
			continue
		}
		o := &all[i]
		total := n + float64(o.Units)
		delta := o.Mean - mean
		squares += o.Squares + delta*delta*n*float64(o.Units)/total
		mean += delta * float64(o.Units) / total
		n = total
	}
	out := Segment{Input: input, Value: seg.Value, Other: seg.Other, Units: seg.Units, Mean: seg.Mean, Rest: mean, P: 1}
	if n < 2 || seg.Units < 2 {
		return out
	}
	variance := seg.Variance()/float64(seg.Units) + squares/(n-1)/n
	if delta := math.Abs(seg.Mean - mean); delta > 0 {
		out.P = math.Erfc(delta / math.Sqrt(2*variance))
	}
	return out
}
