package sequence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	// stateVersion changes with the bets and with what the fields mean.
	stateVersion = 1
	// mostStateBytes is several times what a state takes.
	mostStateBytes = 16 << 10
	// mostUnits is up to where a float64 counts.
	mostUnits = 1 << 53
)

// bettingState are the sums of Betting.
type bettingState struct {
	Version int       `json:"version"`
	Alpha   float64   `json:"alpha"`
	Units   int64     `json:"units"`
	Sum     float64   `json:"sum"`
	Low     float64   `json:"low"`
	High    float64   `json:"high"`
	Above   []float64 `json:"above"` // the gains of the bets that values are above a mean
	Below   []float64 `json:"below"`
}

// MarshalJSON returns the state.
func (s *Betting) MarshalJSON() ([]byte, error) {
	return json.Marshal(bettingState{stateVersion, s.alpha, s.units, s.sum, s.above.bound, s.below.bound, s.above.gains[:], s.below.gains[:]})
}

// UnmarshalJSON restores a state. It refuses one of another version and one that no values in [0, 1] lead to, and then
// leaves the sequence as it was.
func (s *Betting) UnmarshalJSON(data []byte) error {
	var st bettingState
	if err := decode(data, &st, &st.Version); err != nil {
		return err
	}
	restored, err := NewBetting(st.Alpha)
	if err != nil {
		return stateError("%w", err)
	}
	if err := checkUnits(st.Units); err != nil {
		return err
	}
	n := float64(st.Units)
	switch {
	case !(st.Sum >= 0 && st.Sum <= n):
		return stateError("sum is %v, of %d shares", st.Sum, st.Units)
	case !(st.Low >= 0 && st.Low <= 1 && st.High >= 0 && st.High <= 1):
		return stateError("low is %v and high is %v: both lie in [0, 1]", st.Low, st.High)
	}
	restored.units, restored.sum = st.Units, st.Sum
	if err := restored.above.restore("above", n, st.Sum, st.Above); err != nil {
		return err
	}
	if err := restored.below.restore("below", n, st.Sum, st.Below); err != nil {
		return err
	}
	restored.above.move(st.Low)
	restored.below.move(st.High)
	*s = *restored
	return nil
}

// restore takes gains that n values in [0, 1] can have whose sum is known: log(1 + k x) is concave in x, so the sum of it is
// largest where all values are equal, and smallest where all are 0 or 1.
func (g *gambler) restore(name string, n, sum float64, gains []float64) error {
	if len(gains) != bets {
		return stateError("%s has %d numbers: it has %d", name, len(gains), bets)
	}
	rounding := 1e-6 * (1 + n)
	for i, k := range g.bets {
		least, most := sum*math.Log1p(k), n*math.Log1p(k*sum/max(n, 1))
		if !(gains[i] >= least-rounding && gains[i] <= most+rounding) {
			return stateError("%s[%d] is %v: with this sum it lies in [%v, %v]", name, i, gains[i], least, most)
		}
		g.gains[i] = gains[i]
	}
	return nil
}

// asymptoticState are the sums of Asymptotic.
type asymptoticState struct {
	Version int     `json:"version"`
	Alpha   float64 `json:"alpha"`
	Tuned   int64   `json:"tuned"`
	Units   int64   `json:"units"`
	NonZero int64   `json:"nonzero"`
	Mean    float64 `json:"mean"`
	Squares float64 `json:"squares"` // of the distances from the mean
}

// MarshalJSON returns the state.
func (s *Asymptotic) MarshalJSON() ([]byte, error) {
	return json.Marshal(asymptoticState{stateVersion, s.alpha, s.tuned, s.units, s.nonZero, s.mean, s.squares})
}

// UnmarshalJSON restores a state. It refuses one of another version and one that no differences lead to, and then leaves the
// sequence as it was.
func (s *Asymptotic) UnmarshalJSON(data []byte) error {
	var st asymptoticState
	if err := decode(data, &st, &st.Version); err != nil {
		return err
	}
	restored, err := NewAsymptotic(st.Alpha, st.Tuned)
	if err != nil {
		return stateError("%w", err)
	}
	if err := checkUnits(st.Units); err != nil {
		return err
	}
	switch {
	case st.NonZero < 0 || st.NonZero > st.Units:
		return stateError("nonzero is %d, of %d units", st.NonZero, st.Units)
	case !(math.Abs(st.Mean) <= 2*mostDifference) || st.NonZero == 0 && st.Mean != 0:
		return stateError("mean is %v, of %d differences other than 0", st.Mean, st.NonZero)
	// No two differences are farther apart than twice the largest.
	case !(st.Squares >= 0 && st.Squares <= 4*mostDifference*mostDifference*float64(st.Units)) || st.NonZero == 0 && st.Squares != 0:
		return stateError("squares is %v, of %d differences other than 0", st.Squares, st.NonZero)
	}
	restored.units, restored.nonZero, restored.mean, restored.squares = st.Units, st.NonZero, st.Mean, st.Squares
	*s = *restored
	return nil
}

// decode reads one JSON value and nothing else into a state, and checks its version.
func decode(data []byte, state any, version *int) error {
	if len(data) > mostStateBytes {
		return stateError("it has %d bytes: at most %d", len(data), mostStateBytes)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(state); err != nil {
		return stateError("%w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return stateError("there is more behind it")
	}
	if *version != stateVersion {
		return stateError("it has version %d, and this program reads version %d", *version, stateVersion)
	}
	return nil
}

func checkUnits(units int64) error {
	if units < 0 || units > mostUnits {
		return stateError("units is %d: it is 0 to %d", units, int64(mostUnits))
	}
	return nil
}

func stateError(format string, args ...any) error {
	return fmt.Errorf("cannot restore a comparison's state: "+format, args...)
}
