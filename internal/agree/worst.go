package agree

import (
	"fmt"
	"math"

	"sluice/internal/tensor"
)

// Worst is the largest difference found so far between answers and what they should be. It keeps
// nothing of the tensors. The zero value has found none.
type Worst struct {
	// Excess is the difference over what the tolerance allows; above 1 is a fault.
	Excess float64
	// Output and Row say where it is.
	Output string
	Row    int

	got, want float64 // of floats
	text      string  // of everything else
}

// Failed tells whether some difference is not allowed.
func (w *Worst) Failed() bool { return w.Excess > 1 }

// String is the end of a sentence.
func (w *Worst) String() string {
	switch {
	case w.Excess == 0:
		return "no difference"
	case !w.Failed():
		return fmt.Sprintf("largest difference %.2g, %.2g %% of the tolerance (output %s, row %d)", w.delta(), 100*w.Excess, w.Output, w.Row)
	}
	return fmt.Sprintf("worst in output %s, row %d: %s", w.Output, w.Row, w.Values())
}

// Values says which value is in the place of which.
func (w *Worst) Values() string {
	if w.text != "" {
		return w.text
	}
	return fmt.Sprintf("%.7g instead of %.7g (difference %.2g, %.3g of the tolerance)", w.got, w.want, w.delta(), w.Excess)
}

// Measure says how large the difference is, without the values themselves.
func (w *Worst) Measure() string {
	if math.IsInf(w.Excess, 1) {
		return "no tolerance allows it"
	}
	return fmt.Sprintf("a difference of %.2g, %.3g of the tolerance", w.delta(), w.Excess)
}

func (w *Worst) delta() float64 { return math.Abs(w.got - w.want) }

// Add compares an output with what it should be. row is the number for messages of the tensors'
// first row; it is the whole tensor's if the model cannot batch.
func (w *Worst) Add(got, want *tensor.Tensor, batchable bool, row int, t Tolerance) {
	d := compare(got, want, t, false)
	if d.Excess <= w.Excess {
		return
	}
	*w = Worst{Excess: d.Excess, Output: want.Name, Row: row}
	if d.Kind == Value && batchable && len(want.Shape) > 0 {
		w.Row += d.At / max(1, tensor.RowElements(want.Shape))
	}
	if d.Kind == Value && want.Type.Float() {
		w.got, w.want = tensor.FloatAt(want.Type, got.Data, d.At), tensor.FloatAt(want.Type, want.Data, d.At)
	} else {
		w.text = d.instead()
	}
}

// AddAll compares all outputs of an answer.
func (w *Worst) AddAll(got, want []tensor.Tensor, batchable bool, row int, t Tolerance) {
	for i := range got {
		w.Add(&got[i], &want[i], batchable, row, t)
	}
}

// Join keeps the worse of two differences.
func (w *Worst) Join(other Worst) {
	if other.Excess > w.Excess {
		*w = other
	}
}
