package devices

import (
	"math"

	"sluice/compare/measure"
	"sluice/internal/agree"
	"sluice/internal/tensor"
)

// Equivalence is how far the answers of the second device are from those of the first.
type Equivalence struct {
	// Rows were compared, of these sources.
	Rows    int            `json:"rows"`
	Sources map[string]int `json:"sources,omitempty"`
	// Agrees is set if every row was within the tolerance.
	Agrees    bool            `json:"agrees"`
	Tolerance agree.Tolerance `json:"tolerance"`
	// Worst is the largest difference, in words, and Excess that over what the tolerance allows; infinite is written as -1.
	Worst   string   `json:"worst,omitempty"`
	Excess  float64  `json:"excess"`
	Outputs []Output `json:"outputs,omitempty"`
	// Failed is how many rows one device answered and the other one did not, and Failure what it said of the first.
	Failed  int    `json:"failed,omitempty"`
	Failure string `json:"failure,omitempty"`
}

// Output is one output of the model. Figures are those of its kind: of a share the mean over rows, of a largest
// the largest.
type Output struct {
	Name    string             `json:"name"`
	Kind    string             `json:"kind"`
	Figures map[string]float64 `json:"figures"`
}

// Equality compares what two devices answer to the same requests.
type Equality struct {
	schema *tensor.Schema
	all    []*compared
	worst  agree.Worst
	report Equivalence
}

// compared is one output.
type compared struct {
	*measure.Comparer
	kind    measure.Kind
	figures []measure.Figure
	values  []float64
	rows    int
}

// NewEquality compares answers of a schema within a tolerance. The kinds of its outputs are guessed.
func NewEquality(s *tensor.Schema, t agree.Tolerance) (*Equality, error) {
	e := &Equality{schema: s, report: Equivalence{Sources: map[string]int{}, Tolerance: t}}
	for i := range s.Outputs {
		spec := &s.Outputs[i]
		rows := s.Batchable() && !spec.Once
		kind := measure.Guess(spec, rows)
		c, err := measure.NewComparer(spec, measure.Options{Kind: kind, Batchable: rows, Tolerance: t})
		if err != nil {
			return nil, err
		}
		figures := kind.Figures()
		e.all = append(e.all, &compared{Comparer: c, kind: kind, figures: figures, values: make([]float64, len(figures))})
	}
	return e, nil
}

// Add takes the answers of both devices to a request with so many rows, the outputs in the order of the schema.
func (e *Equality) Add(source string, rows int, first, second []tensor.Tensor) {
	from := e.report.Rows
	e.report.Rows += rows
	e.report.Sources[source] += rows
	e.worst.AddAll(second, first, e.schema.Batchable(), from, e.report.Tolerance)
	for i, c := range e.all {
		// What has another form is in worst, which no tolerance allows.
		if u, err := c.Compare(&first[i], &second[i], c.kind.Floor()); err == nil {
			c.add(u.Values, rows)
		}
	}
}

// Fail takes a request with so many rows that one device alone has answered, and what the other one said.
func (e *Equality) Fail(source string, rows int, said string) {
	e.report.Rows += rows
	e.report.Sources[source] += rows
	if e.report.Failed == 0 {
		e.report.Failure = said
	}
	e.report.Failed += rows
}

func (c *compared) add(values []float64, rows int) {
	c.rows += rows
	for i, x := range values {
		switch {
		case math.IsNaN(x):
		case c.figures[i].Role == measure.Largest:
			c.values[i] = max(c.values[i], x)
		default:
			c.values[i] += x * float64(rows)
		}
	}
}

// Report says what was found so far.
func (e *Equality) Report() Equivalence {
	r := e.report
	r.Excess, r.Outputs = e.worst.Excess, nil
	if math.IsInf(r.Excess, 1) {
		r.Excess = -1
	}
	r.Agrees = r.Rows > 0 && r.Failed == 0 && !e.worst.Failed()
	if r.Rows > r.Failed {
		r.Worst = e.worst.String()
	}
	for i, c := range e.all {
		o := Output{Name: e.schema.Outputs[i].Name, Kind: c.kind.String(), Figures: map[string]float64{}}
		for k, f := range c.figures {
			x := c.values[k]
			if f.Role != measure.Largest {
				x /= float64(max(c.rows, 1))
			}
			if !math.IsInf(x, 0) {
				o.Figures[f.Name] = x
			}
		}
		r.Outputs = append(r.Outputs, o)
	}
	return r
}
