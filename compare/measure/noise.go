package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// What the threshold of noise comes from.
const (
	noiseRows  = 1000 // of the primary against itself
	noiseAbove = 10   // of these rows that lie above the threshold at most
)

// Noise finds the difference above which a row differs, from how much answers of the primary differ from those that it
// gives to the same rows again. The first 1,000 such rows count; the threshold is the highest quantile that has ten of
// them above it (that of 0.99), and never changes again. Exceedances may then be counted in later units alone, in both
// comparisons: among the rows that it comes from their share is known beforehand. The zero value is ready.
type Noise struct {
	rows    int
	largest []float64 // the noiseAbove+1 largest, ascending
}

// AddUnit takes the differences of a unit's rows. A difference that is infinite is no noise, and not counted. Once the
// threshold is known, which may be within the unit, nothing is taken.
func (n *Noise) AddUnit(rows []float64) {
	for _, difference := range rows {
		if n.Known() {
			return
		}
		if !finite(difference) {
			continue
		}
		n.rows++
		at, _ := slices.BinarySearch(n.largest, difference)
		n.largest = slices.Insert(n.largest, at, difference)
		if len(n.largest) > noiseAbove+1 {
			n.largest = slices.Delete(n.largest, 0, 1)
		}
	}
}

// Known tells whether the threshold is known.
func (n *Noise) Known() bool { return n.rows == noiseRows }

// Rows is how many rows have been taken.
func (n *Noise) Rows() int { return n.rows }

// Quantile is the quantile of the rows that the threshold is.
func (*Noise) Quantile() float64 { return 1 - float64(noiseAbove)/noiseRows }

// Threshold is the difference above which a row of a kind differs. It is the kind's floor if the noise is below that, and
// while the noise is not known.
func (n *Noise) Threshold(k Kind) float64 {
	if !n.Known() {
		return k.Floor()
	}
	return max(k.Floor(), n.largest[0])
}

type noiseState struct {
	Rows    int       `json:"rows"`
	Largest []float64 `json:"largest"`
}

// MarshalJSON gives the state.
func (n *Noise) MarshalJSON() ([]byte, error) { return json.Marshal(noiseState{n.rows, n.largest}) }

// UnmarshalJSON takes a state that MarshalJSON gave.
func (n *Noise) UnmarshalJSON(data []byte) error {
	var s noiseState
	if err := decode(data, &s); err != nil {
		return fmt.Errorf("cannot read the noise: %w", err)
	}
	if s.Rows < 0 || s.Rows > noiseRows || len(s.Largest) != min(s.Rows, noiseAbove+1) {
		return fmt.Errorf("cannot read the noise: %d rows with the %d largest; there are 0 to %d rows, and all up to %d are kept", s.Rows, len(s.Largest), noiseRows, noiseAbove+1)
	}
	if !slices.IsSorted(s.Largest) || len(s.Largest) > 0 && !(s.Largest[0] >= 0 && s.Largest[len(s.Largest)-1] <= math.MaxFloat64) {
		return fmt.Errorf("cannot read the noise: the largest differences %v are not numbers from 0 on in ascending order", s.Largest)
	}
	n.rows, n.largest = s.Rows, s.Largest
	return nil
}
