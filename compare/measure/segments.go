package measure

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits of segments.
const (
	maxSegments  = 50
	minUnits     = 200 // of a segment that is reported by itself
	largestValue = 1e100
)

// Segments sums up one figure by the values of an input that was declared for it, such as the country. The first 50 values
// that come have a segment each; all later ones, and those of more than 64 bytes or of what is no UTF-8, are one segment
// together. The zero value is ready.
type Segments struct {
	byValue map[string]*Segment
	other   Segment
}

// Segment is the units of one value of the input.
type Segment struct {
	// Value is the input's value; Other segments have none.
	Value string `json:"value"`
	Other bool   `json:"other"`
	Units int64  `json:"units"`
	// Mean is the mean of the figure, and Squares the sum of the squares of what units differ from it.
	Mean    float64 `json:"mean"`
	Squares float64 `json:"squares"`
}

// Variance is the variance of a unit's number; 0 for fewer than two units.
func (s *Segment) Variance() float64 {
	if s.Units < 2 {
		return 0
	}
	return s.Squares / float64(s.Units-1)
}

// Add takes the number that a unit with this value of the input gives. NaN, which is no number, is not counted, and what
// is beyond 1e100 counts as 1e100.
func (s *Segments) Add(value []byte, x float64) {
	if math.IsNaN(x) {
		return
	}
	seg := s.byValue[string(value)]
	switch {
	case seg != nil:
	case len(s.byValue) == maxSegments || !named(value):
		seg = &s.other
	default:
		if s.byValue == nil {
			s.byValue = make(map[string]*Segment, maxSegments)
		}
		seg = &Segment{Value: string(value)}
		s.byValue[seg.Value] = seg
	}
	seg.join(Segment{Units: 1, Mean: min(max(x, -largestValue), largestValue)})
}

// join adds the units of another segment (Chan, Golub and LeVeque 1979).
func (s *Segment) join(o Segment) {
	if o.Units == 0 {
		return
	}
	n := s.Units + o.Units
	delta := o.Mean - s.Mean
	s.Mean += delta * (float64(o.Units) / float64(n))
	s.Squares += o.Squares + delta*delta*(float64(s.Units)*float64(o.Units)/float64(n))
	s.Units = n
}

// Report returns the segments of at least 200 units, the largest mean difference first, and then one of all other
// units, if there are any.
func (s *Segments) Report() []Segment {
	var list []Segment
	other := s.other
	other.Other = true
	for _, seg := range s.sorted() {
		if seg.Units < minUnits {
			other.join(seg)
		} else {
			list = append(list, seg)
		}
	}
	slices.SortStableFunc(list, func(a, b Segment) int { return cmp.Compare(math.Abs(b.Mean), math.Abs(a.Mean)) })
	if other.Units > 0 {
		list = append(list, other)
	}
	return list
}

// sorted is all segments with a value, by value.
func (s *Segments) sorted() []Segment {
	list := make([]Segment, 0, len(s.byValue))
	for _, seg := range s.byValue {
		list = append(list, *seg)
	}
	slices.SortFunc(list, func(a, b Segment) int { return strings.Compare(a.Value, b.Value) })
	return list
}

// MarshalJSON gives the state.
func (s *Segments) MarshalJSON() ([]byte, error) {
	list := s.sorted()
	if other := s.other; other.Units > 0 {
		other.Other = true
		list = append(list, other)
	}
	return json.Marshal(list)
}

// UnmarshalJSON takes a state that MarshalJSON gave.
func (s *Segments) UnmarshalJSON(data []byte) error {
	var list []Segment
	if err := decode(data, &list); err != nil {
		return fmt.Errorf("cannot read the segments: %w", err)
	}
	read := Segments{byValue: map[string]*Segment{}}
	for _, seg := range list {
		known := read.byValue[seg.Value] != nil
		if seg.Other {
			known = seg.Value != "" || read.other.Units > 0
		}
		if known || len(seg.Value) > maxName || len(read.byValue) == maxSegments && !seg.Other {
			return fmt.Errorf("cannot read the segments: %.64q is there twice, is longer than %d bytes, or is beyond the %d segments that there may be", seg.Value, maxName, maxSegments)
		}
		if seg.Units < 1 || seg.Units > maxCount || math.Abs(seg.Mean) > 2*largestValue || seg.Squares < 0 || seg.Squares/float64(seg.Units) > 4*largestValue*largestValue {
			return fmt.Errorf("cannot read the segments: %.64q has %d units with the mean %v and the squares %v", seg.Value, seg.Units, seg.Mean, seg.Squares)
		}
		if seg.Other {
			read.other = seg
			read.other.Other = false
			continue
		}
		read.byValue[seg.Value] = &seg
	}
	*s = read
	return nil
}
