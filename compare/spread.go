package compare

import (
	"encoding/json"
	"fmt"
	"math"
)

// A spread's bins: so many for each power of ten, from lowest on. A bin is 7 % wide.
const (
	perDecade = 32
	lowest    = -9
	highest   = 7
	spreadLen = (highest - lowest) * perDecade
)

// spread counts sizes, numbers from 0 on, in bins of equal ratio. Its size is fixed.
type spread struct {
	Zero     int64 // those of less than 1e-9, too
	Infinite int64 // and those of 1e7 and more
	Bins     [spreadLen]int64
	Largest  float64 // that is finite
}

func (s *spread) add(x float64) {
	x = math.Abs(x)
	if !math.IsInf(x, 0) {
		s.Largest = max(s.Largest, x)
	}
	switch at := math.Floor((math.Log10(x) - lowest) * perDecade); {
	case !(at >= 0):
		s.Zero++
	case at >= spreadLen:
		s.Infinite++
	default:
		s.Bins[int(at)]++
	}
}

func (s *spread) count() int64 {
	n := s.Zero + s.Infinite
	for _, c := range s.Bins {
		n += c
	}
	return n
}

// most is the largest number; infinite if one was.
func (s *spread) most() float64 { return s.Largest }

// quantile is the middle of the bin that holds it: off by 4 % at most. It is 0 without numbers.
func (s *spread) quantile(q float64) float64 {
	n := s.count()
	if n == 0 {
		return 0
	}
	rank := int64(math.Ceil(q*float64(n))) - s.Zero
	for i, c := range s.Bins {
		if rank <= 0 {
			break
		}
		if rank -= c; rank <= 0 {
			return min(binAt(float64(i)+0.5), s.Largest)
		}
	}
	if rank <= 0 {
		return 0
	}
	return s.Largest
}

func binAt(i float64) float64 { return math.Pow(10, lowest+i/perDecade) }

// Bar is how many numbers lie in a range; UpTo of the last one is the largest number.
type Bar struct {
	From  float64 `json:"from"`
	UpTo  float64 `json:"up_to"`
	Count int64   `json:"count"`
}

// bars are the numbers in ranges that are step bins wide, from the first one that holds any to the last one.
func (s *spread) bars(step int) (list []Bar) {
	if s.Zero > 0 {
		list = append(list, Bar{0, binAt(0), s.Zero})
	}
	for i := 0; i < spreadLen; i += step {
		n := int64(0)
		for _, c := range s.Bins[i:min(i+step, spreadLen)] {
			n += c
		}
		if n > 0 {
			list = append(list, Bar{binAt(float64(i)), binAt(float64(i + step)), n})
		}
	}
	if s.Infinite > 0 {
		list = append(list, Bar{binAt(spreadLen), math.MaxFloat64, s.Infinite})
	}
	return list
}

type spreadState struct {
	Zero     int64         `json:"zero,omitempty"`
	Infinite int64         `json:"infinite,omitempty"`
	Largest  float64       `json:"largest,omitempty"`
	Bins     map[int]int64 `json:"bins,omitempty"`
}

// MarshalJSON gives the state.
func (s *spread) MarshalJSON() ([]byte, error) {
	st := spreadState{Zero: s.Zero, Infinite: s.Infinite, Largest: s.Largest, Bins: map[int]int64{}}
	for i, c := range s.Bins {
		if c > 0 {
			st.Bins[i] = c
		}
	}
	return json.Marshal(st)
}

// UnmarshalJSON takes a state that MarshalJSON gave.
func (s *spread) UnmarshalJSON(data []byte) error {
	var st spreadState
	if err := decode(data, &st); err != nil {
		return err
	}
	read := spread{Zero: st.Zero, Infinite: st.Infinite, Largest: st.Largest}
	for i, c := range st.Bins {
		if i < 0 || i >= spreadLen || c < 1 || c > maxCount {
			return fmt.Errorf("bin %d has %d; there are bins 0 to %d", i, c, spreadLen-1)
		}
		read.Bins[i] = c
	}
	if st.Zero < 0 || st.Zero > maxCount || st.Infinite < 0 || st.Infinite > maxCount || !(st.Largest >= 0) {
		return fmt.Errorf("%d below, %d above and the largest %v are no counts and no size", st.Zero, st.Infinite, st.Largest)
	}
	*s = read
	return nil
}

// maxCount is as many as a float64 counts one by one.
const maxCount = 1 << 53
