package tensor

import "math"

// Lengths bounds the free axes of a model's rows. What a row takes grows with them, and where
// its parts attend to each other it grows with their square: a request of a few hundred KB could
// take all memory. So each axis has a largest length, all together have a largest product, and a
// run of long rows holds fewer of them.
type Lengths struct {
	Axes []Axis
	// In[i] are the free axes of input i.
	In [][]Place
	// Product is the most that the lengths of all axes multiply to; 0 means no limit.
	Product int64
	// Joint is what one row takes by that product.
	Joint Growth
	// Most is what one run may take, in the unit of the growths; 0 means that nothing is known of
	// it, so that the rows of a run are not bounded here.
	Most float64
	// Rows is set if axis 0 counts rows though the model cannot batch: each takes as much as one.
	Rows bool
}

// Axis is a free axis: one name in the file, on one or several inputs.
type Axis struct {
	// Name is the axis in max_length of model.yaml: its name in the file, else INPUT.AXIS.
	Name string
	// Most is the largest length; 0 means no limit.
	Most int64
	// Own is what one row takes by the length of this axis, while the others are short.
	Own Growth
	// At is where the axis is: its input in Input, and the axis of that in Dim.
	At []Place
}

// Place is dimension Dim of input Input, which is axis Axis of Lengths.Axes.
type Place struct{ Input, Axis, Dim int }

// Growth is what a run of one row takes by a length: Base + Linear*x + Square*x*x with x =
// length^Power. Each further row takes the same again without Base. No part is below 0, so a longer
// row never takes less. The zero Growth takes nothing.
type Growth struct {
	Base, Linear, Square float64
	Power                int // 0 means 1
}

// At is what a row of the length takes.
func (g *Growth) At(length float64) float64 {
	x := length
	for k := 1; k < g.Power; k++ {
		x *= length
	}
	return g.Base + g.Linear*x + g.Square*x*x
}

// Longest is the longest power of two at which a row takes no more than most; 1 if not even that.
func (g *Growth) Longest(most float64) int64 {
	const last = 1 << 40
	n := int64(1)
	for n < last && g.At(float64(2*n)) <= most {
		n *= 2
	}
	return n
}

// TooLong finds an axis of an input that is longer than it may be, given the input's shape; -1
// if there is none.
func (l *Lengths) TooLong(input int, shape []int64) (axis, dim int) {
	if l == nil {
		return -1, 0
	}
	for _, p := range l.In[input] {
		if most := l.Axes[p.Axis].Most; most > 0 && p.Dim < len(shape) && shape[p.Dim] > most {
			return p.Axis, p.Dim
		}
	}
	return -1, 0
}

// TooLongFor tells whether rows of a padded length are longer than they may be.
func (l *Lengths) TooLongFor(p *Padding, length int) bool {
	if l == nil {
		return false
	}
	for i, dim := range p.InputAxis {
		for _, place := range l.In[i] {
			if most := l.Axes[place.Axis].Most; place.Dim == dim && most > 0 && int64(length) > most {
				return true
			}
		}
	}
	return false
}

// Multiplied is the product of the lengths of all axes, or the largest number if it is larger.
func (l *Lengths) Multiplied(inputs []Tensor) int64 {
	product := int64(1)
	for a := range l.Axes {
		n := l.Axes[a].length(inputs, nil)
		if n > math.MaxInt64/product {
			return math.MaxInt64
		}
		product *= n
	}
	return product
}

// row is what each row of the inputs takes beside what a run takes; what is padded counts as its
// bucket.
func (l *Lengths) row(inputs []Tensor, pad *Padding) (row, base float64) {
	product := 1.0
	for a := range l.Axes {
		axis := &l.Axes[a]
		n := float64(axis.length(inputs, pad))
		product *= n
		row, base = max(row, axis.Own.At(n)-axis.Own.Base), max(base, axis.Own.Base)
	}
	return max(row, l.Joint.At(product)-l.Joint.Base), max(base, l.Joint.Base)
}

// MostRows is the most rows like those of the inputs that may share a run, at least 1, or 0 if as
// many may as the model takes. It is a power of two, so that a device which fills batches up to
// the next of its sizes stays within the bound too.
func (s *Schema) MostRows(inputs []Tensor) int {
	if s.MaxBatch <= 1 {
		return 0
	}
	long, text := s.rowsByLength(inputs), s.rowsByText(inputs)
	if long == 0 || text == 0 {
		return max(long, text)
	}
	return min(long, text)
}

func (s *Schema) rowsByLength(inputs []Tensor) int {
	l := s.Lengths
	if l == nil || l.Most <= 0 {
		return 0
	}
	row, base := l.row(inputs, s.Padding)
	if base+float64(s.MaxBatch)*row <= l.Most {
		return 0
	}
	n := 1
	for 2*n < s.MaxBatch && base+float64(2*n)*row <= l.Most {
		n *= 2
	}
	return n
}

// TooMany tells whether a request to a model that cannot batch has more rows than one run may
// hold, and how many it may have.
func (l *Lengths) TooMany(inputs []Tensor) (rows, most int64, over bool) {
	if l == nil || !l.Rows || l.Most <= 0 {
		return 0, 0, false
	}
	for i := range inputs {
		if shape := inputs[i].Shape; len(shape) > 0 {
			rows = max(rows, shape[0])
		}
	}
	row, base := l.row(inputs, nil)
	if rows <= 1 || base+float64(rows)*row <= l.Most {
		return rows, 0, false
	}
	return rows, max(1, int64((l.Most-base)/row)), true
}

// length is the longest that the axis has on an input, at least 1.
func (a *Axis) length(inputs []Tensor, pad *Padding) int64 {
	n := int64(1)
	for _, p := range a.At {
		shape := inputs[p.Input].Shape
		if p.Dim >= len(shape) {
			continue
		}
		own := shape[p.Dim]
		if pad != nil && pad.InputAxis[p.Input] == p.Dim {
			own = int64(pad.Bucket(int(own)))
		}
		n = max(n, own)
	}
	return n
}
