package sequence

import (
	"fmt"
	"math"
)

const (
	// thresholdRows is how many rows the noise threshold is taken from.
	thresholdRows = 1000
	// rowsAbove of them are above it. Fewer would leave to chance where it lies.
	rowsAbove = 10
)

// Threshold is the noise threshold: how far two answers of the same version to the same row are apart at most, but for one row in a
// hundred. It is the highest quantile of the first 1,000 A/A rows that has 10 rows above it, the 0.99 quantile, and stays as it is
// from then on. Its zero value has no rows yet.
//
// The share of rows above it must be counted in later units only, in both arms: of the rows that it was taken from 1 % are above it
// by construction, without any variance.
type Threshold struct {
	rows    int
	largest [rowsAbove + 1]float64 // of the rows so far, falling
}

// Add takes the difference of an A/A row. Once the threshold is frozen it has no effect. It refuses a difference that is
// negative or not finite.
func (t *Threshold) Add(difference float64) error {
	if !(difference >= 0 && difference <= math.MaxFloat64) {
		return fmt.Errorf("cannot take the noise threshold from a difference of %v: it is finite and not negative", difference)
	}
	if t.rows == thresholdRows {
		return nil
	}
	i := min(t.rows, len(t.largest)) // how many are held
	t.rows++
	if i == len(t.largest) {
		i--
		if difference <= t.largest[i] {
			return nil
		}
	}
	for ; i > 0 && t.largest[i-1] < difference; i-- {
		t.largest[i] = t.largest[i-1]
	}
	t.largest[i] = difference
	return nil
}

// Value is the threshold once it is frozen. A row differs if it is farther apart than that.
func (t *Threshold) Value() (threshold float64, frozen bool) {
	if t.rows < thresholdRows {
		return math.Inf(1), false
	}
	return t.largest[rowsAbove], true
}
