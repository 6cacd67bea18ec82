package agree

import (
	"math"

	"sluice/internal/tensor"
)

// Tolerance allows a difference of Abs + Rel * |expected value|.
type Tolerance struct {
	// Abs is the part that does not grow with the value. Default model_defaults.tolerance.abs, 1e-4.
	// Too low refuses good models; too high lets a wrong model pass its gates.
	Abs float64 `yaml:"abs" json:"abs"`
	// Rel is the part of the expected value. Default model_defaults.tolerance.rel, 1e-3. Too low
	// refuses good models; too high lets a wrong model pass its gates.
	Rel float64 `yaml:"rel" json:"rel"`
}

// Loading is the tolerance of the load gates and of live comparisons, of every type, unless the
// settings or model.yaml have another: devices, and versions of a library, may be that far apart.
var Loading = Tolerance{Abs: 1e-4, Rel: 1e-3}

// Default is the tolerance of a type for answers of one server: a few units in the last place of
// what a model computes in that precision in another order, as other batch sizes do.
func Default(kind tensor.DataType) Tolerance {
	switch kind {
	case tensor.FP64:
		return Tolerance{Abs: 1e-9, Rel: 1e-7}
	case tensor.FP16:
		return Tolerance{Abs: 2e-3, Rel: 2e-3}
	case tensor.BF16:
		return Tolerance{Abs: 1e-2, Rel: 1e-2}
	}
	return Tolerance{Abs: 1e-5, Rel: 1e-4}
}

// Limit is how far a value may be off.
func (t Tolerance) Limit(want float64) float64 { return t.Abs + t.Rel*math.Abs(want) }

// Excess is the difference of two values over the limit: 0 if they are equal, and above 1 if they
// disagree. It is infinite where no limit allows the difference.
func (t Tolerance) Excess(got, want float64) float64 {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return 0
	}
	delta := math.Abs(got - want)
	excess := delta / t.Limit(want)
	if math.IsNaN(excess) || math.IsInf(delta, 1) {
		return math.Inf(1)
	}
	return excess
}
