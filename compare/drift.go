package compare

import (
	"encoding/json"
	"fmt"

	"sluice/compare/measure"
	"sluice/internal/tensor"
)

// baselineScores is how many of the primary's first scores are the baseline of drift.
const baselineScores = 1000

// drift follows how far the scores of both arms move from the first ones of the primary.
type drift struct {
	column   int // of a row that counts, from 1; 0 for each element
	first    []float64
	baseline *measure.Histogram
	now      [arms]*measure.Histogram // the primary and the candidate
}

// newDrift is nil for an output whose elements are no scores of one meaning.
func newDrift(o *measure.Options, spec *tensor.Spec) *drift {
	row := spec.Shape
	if o.Batchable && len(row) > 0 {
		row = row[1:]
	}
	width, whole := tensor.Elements(row)
	switch {
	case o.Kind == measure.Probability && o.Column > 0 && whole:
		return &drift{column: o.Column}
	case o.Kind == measure.Ranked, (o.Kind == measure.Regression || o.Kind == measure.Probability) && whole && width == 1:
		return &drift{}
	}
	return nil
}

func (d *drift) add(want, got *tensor.Tensor) {
	if d == nil || !want.Type.Float() {
		return
	}
	step, from := 1, 0
	if d.column > 0 {
		step, from = tensor.RowElements(want.Shape), d.column-1
	}
	for i := from; i < len(want.Data)/want.Type.Size(); i += step {
		x := tensor.FloatAt(want.Type, want.Data, i)
		if d.baseline == nil {
			d.take(x)
			continue
		}
		d.now[0].Add(x)
		d.now[1].Add(tensor.FloatAt(got.Type, got.Data, i))
	}
}

func (d *drift) take(x float64) {
	if d.first = append(d.first, x); len(d.first) < baselineScores {
		return
	}
	baseline, err := measure.Deciles(d.first)
	d.first = d.first[:0]
	if err == nil { // NaN makes no bins: the next thousand may
		d.baseline, d.now = baseline, [arms]*measure.Histogram{baseline.Empty(), baseline.Empty()}
	}
}

// of is the drift of the primary and of the candidate; false while there is nothing to say.
func (d *drift) of() (both [arms]measure.Drift, ok bool) {
	if d == nil || d.baseline == nil {
		return both, false
	}
	for arm := range both {
		var err error
		if both[arm], err = measure.PSI(d.baseline, d.now[arm]); err != nil {
			return both, false
		}
	}
	return both, true
}

type driftState struct {
	First    []string              `json:"first,omitempty"` // bits of the scores, since JSON has no NaN
	Baseline *measure.Histogram    `json:"baseline,omitempty"`
	Now      [2]*measure.Histogram `json:"now"`
}

// MarshalJSON gives the state.
func (d *drift) MarshalJSON() ([]byte, error) {
	st := driftState{Baseline: d.baseline, Now: d.now}
	for _, x := range d.first {
		st.First = append(st.First, fmt.Sprint(x))
	}
	return json.Marshal(st)
}

// UnmarshalJSON takes a state that MarshalJSON gave.
func (d *drift) UnmarshalJSON(data []byte) error {
	var st driftState
	if err := decode(data, &st); err != nil {
		return err
	}
	if len(st.First) >= baselineScores || (st.Baseline == nil) != (st.Now[0] == nil) || (st.Baseline == nil) != (st.Now[1] == nil) || st.Baseline != nil && len(st.First) > 0 {
		return fmt.Errorf("%d first scores and a baseline that is or is not there do not go together", len(st.First))
	}
	first := make([]float64, len(st.First))
	for i, text := range st.First {
		if _, err := fmt.Sscan(text, &first[i]); err != nil {
			return fmt.Errorf("the score %.40q is no number", text)
		}
	}
	if st.Baseline != nil {
		for arm := range st.Now {
			if _, err := measure.PSI(st.Baseline, st.Now[arm]); err != nil && !empty(st.Now[arm]) {
				return err
			}
		}
	}
	d.first, d.baseline, d.now = first, st.Baseline, st.Now
	return nil
}

func empty(h *measure.Histogram) bool {
	bins, _ := h.Counts()
	for _, n := range bins {
		if n > 0 {
			return false
		}
	}
	return true
}
