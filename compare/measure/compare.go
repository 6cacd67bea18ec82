package measure

import (
	"errors"
	"fmt"
	"math"

	"sluice/internal/agree"
	"sluice/internal/tensor"
)

// Options say what an output means. The zero value compares it as a tensor.
type Options struct {
	Kind Kind
	// Batchable is set if axis 0 of the output counts the rows of a request. All of the output is one row otherwise.
	Batchable bool
	// Tolerance is what a row's difference is measured in. Default agree.Loading. The primary is the reference.
	Tolerance agree.Tolerance
	// Threshold decides on a probability: what is equal or above is positive. Default 0.5.
	Threshold float64
	// Column is the element of a row that is the probability, from 1. Default the last one.
	Column int
	// Shown is how many items of a list the product shows. Default 10. top-k, NDCG and the weights of RBO follow from it.
	Shown int
	// Pairs counts the classes that the two versions give to rows on which they disagree; nil does not.
	Pairs *Pairs
}

// Comparer compares answers of one output. It keeps its memory, and is for one goroutine.
type Comparer struct {
	spec *tensor.Spec
	o    Options

	totals     [allFigures]total
	values     []float64
	rows       []float64
	scores     [2][]float64 // of the primary and of the candidate
	labels     [2][]byte
	ranking    Ranking
	got, want  *tensor.Tensor // while Compare runs
	threshold  float64
	rowShape   [1]int64
	rowTensors [2]tensor.Tensor
}

// total is what the rows of a unit gave to a figure.
type total struct {
	sum, largest float64
	n            int
}

// Unit is what one request gives. Its slices are valid until the next comparison.
type Unit struct {
	// Values has a number for each of the kind's figures; NaN where the request has none, such as the bias of no rows.
	Values []float64
	// Rows are the differences of the rows, or of the lists of a ranked output.
	Rows []float64
}

// NewComparer makes a comparer of an output.
func NewComparer(spec *tensor.Spec, o Options) (*Comparer, error) {
	if o.Tolerance == (agree.Tolerance{}) {
		o.Tolerance = agree.Loading
	}
	if o.Threshold == 0 {
		o.Threshold = 0.5
	}
	if o.Shown == 0 {
		o.Shown = 10
	}
	fault := func(format string, args ...any) (*Comparer, error) {
		return nil, fmt.Errorf("cannot compare the output %.64q: "+format, append([]any{spec.Name}, args...)...)
	}
	switch t := o.Tolerance; {
	case int(o.Kind) >= len(kindNames):
		return fault("there is no kind %d", o.Kind)
	case !spec.Type.Float() && o.Kind != Class && o.Kind != Tensor:
		return fault("it is %s, and the kind %s wants FP16, BF16, FP32 or FP64: declare it as class or tensor", spec.Type, o.Kind)
	case o.Batchable && len(spec.Shape) == 0 && !spec.Dynamic:
		return fault("it has no axis, and so no rows")
	case !(t.Abs >= 0 && t.Rel >= 0 && finite(t.Abs+t.Rel)):
		return fault("the tolerance %v is not made of two numbers from 0 on", t)
	case !(o.Threshold > 0 && o.Threshold < 1):
		return fault("the threshold %v is not between 0 and 1", o.Threshold)
	case o.Shown < 0:
		return fault("%d shown items are fewer than 1", o.Shown)
	case o.Column < 0:
		return fault("the column %d is below 1", o.Column)
	}
	return &Comparer{spec: spec, o: o}, nil
}

// Compare compares the output of one request. A row differs if its difference is above the threshold, which is
// Kind.Floor or what Noise has found. An error means that the two cannot be compared: the unit counts as failed.
func (c *Comparer) Compare(primary, candidate *tensor.Tensor, threshold float64) (Unit, error) {
	rows, n, err := c.form(primary, candidate)
	if err != nil {
		return Unit{}, err
	}
	clear(c.totals[:])
	c.rows, c.values = c.rows[:0], c.values[:0]
	c.want, c.got, c.threshold = primary, candidate, threshold
	switch {
	case !primary.Type.Float():
		c.exact(rows, n)
	case c.o.Kind == Ranked && n == 1:
		c.list(0, rows) // the rows are the items
	case c.o.Kind == Ranked:
		for r := range rows {
			c.list(r*n, n)
		}
	default:
		for r := 0; r < rows && err == nil; r++ {
			err = c.row(r, n)
		}
	}
	c.want, c.got = nil, nil
	if err != nil {
		return Unit{}, err
	}
	for _, f := range figuresOf[c.o.Kind] {
		c.values = append(c.values, c.totals[f].value(figures[f].Role))
	}
	return Unit{Values: c.values, Rows: c.rows}, nil
}

// form checks that the two are tensors of the output, and returns the number of rows and of elements in a row.
func (c *Comparer) form(primary, candidate *tensor.Tensor) (rows, n int, err error) {
	if d := agree.Form(candidate, primary); d.Kind != agree.None {
		return 0, 0, errors.New(d.String())
	}
	t := primary
	elements, ok := tensor.Elements(t.Shape)
	switch {
	case t.Type != c.spec.Type:
		return 0, 0, fmt.Errorf("output %.64q is %s, and the model declares %s", c.spec.Name, t.Type, c.spec.Type)
	case c.o.Batchable && len(t.Shape) == 0:
		return 0, 0, fmt.Errorf("output %.64q has no axis, and so no rows", c.spec.Name)
	case !ok:
		return 0, 0, fmt.Errorf("output %.64q has the shape %s, which is none", c.spec.Name, tensor.ShapeText(t.Shape))
	}
	for _, t := range []*tensor.Tensor{primary, candidate} {
		if n, err := held(t); err != nil || n != elements {
			return 0, 0, fmt.Errorf("output %.64q has the shape %s, and its %d bytes hold another number of elements", c.spec.Name, tensor.ShapeText(t.Shape), len(t.Data))
		}
	}
	if elements == 0 {
		return 0, 0, nil
	}
	rows, n = 1, int(elements)
	if c.o.Batchable {
		rows = int(t.Shape[0])
		n /= rows
	}
	if c.o.Kind == Probability && c.o.Column > n {
		return 0, 0, fmt.Errorf("output %.64q has %d elements a row, and none is column %d", c.spec.Name, n, c.o.Column)
	}
	return rows, n, nil
}

// held is the number of elements that a tensor's data holds; -1 for a part of one.
func held(t *tensor.Tensor) (int64, error) {
	size := t.Type.Size()
	switch {
	case t.Type == tensor.Bytes:
		n, err := tensor.BytesCount(t.Data)
		return int64(n), err
	case size == 0 || len(t.Data)%size != 0:
		return -1, nil
	}
	return int64(len(t.Data) / size), nil
}

// add gives a number of a row to a figure.
func (c *Comparer) add(figure int, x float64) {
	t := &c.totals[figure]
	t.sum += x
	t.largest = max(t.largest, x)
	t.n++
}

func (c *Comparer) addIf(figure int, is bool) {
	if is {
		c.add(figure, 1)
	} else {
		c.add(figure, 0)
	}
}

// end takes the difference of a row or list.
func (c *Comparer) end(difference float64, mismatched bool) {
	c.rows = append(c.rows, difference)
	c.addIf(differs, difference > c.threshold)
	c.addIf(mismatch, mismatched)
}

func (t *total) value(role Role) float64 {
	x := t.largest
	if role != Largest {
		x = t.sum / float64(t.n)
	}
	if t.n == 0 || !finite(x) {
		return math.NaN()
	}
	return x
}
