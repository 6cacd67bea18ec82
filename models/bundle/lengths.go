package bundle

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"sluice/internal/near"
	"sluice/internal/tensor"
)

// maxLengthLimit is the largest length that model.yaml may name.
const maxLengthLimit = 1 << 30

// RunPart is the part of the memory ceiling that one run may take.
const RunPart = 8

// assumedSquare is what a pair of positions is taken to need of memory where no run has shown it: what
// the attention of 64 heads holds of it, four copies of four bytes each.
const assumedSquare = 1 << 10

// TextPart is the part of a run's memory that its strings may come to as they are sent: the library and
// the lane hold them several times over.
const TextPart = 16

// LengthReport is a free axis with its largest length.
type LengthReport struct {
	Axis  string      `json:"axis"`
	Most  int64       `json:"max_length,omitempty"`
	Basis LengthBasis `json:"basis"`
}

// LengthBasis is what a largest length rests on.
type LengthBasis string

// The bases.
const (
	LengthAsked    LengthBasis = "asked"    // model.yaml has it
	LengthMeasured LengthBasis = "measured" // the trial's runs, and a part of the memory ceiling
	LengthAssumed  LengthBasis = "assumed"  // a guess, and a part of the memory ceiling: no request is known that the model takes
)

// Axes finds the free axes of a schema's inputs from dimension first on, each once however many
// inputs have it. The file's names for the dimensions tell which are the same.
func (g *Graph) Axes(s *tensor.Schema, first int) (all []tensor.Axis, in [][]tensor.Place) {
	in = make([][]tensor.Place, len(s.Inputs))
	at := map[string]int{}
	for i := range s.Inputs {
		for dim, size := range s.Inputs[i].Shape {
			if dim < first || size >= 0 {
				continue
			}
			name := ""
			if i < len(g.InputAxes) && dim < len(g.InputAxes[i]) {
				name = g.InputAxes[i][dim]
			}
			if name == "" {
				name = fmt.Sprintf("%s.%d", s.Inputs[i].Name, dim)
			}
			a, known := at[name]
			if !known {
				a = len(all)
				at[name], all = a, append(all, tensor.Axis{Name: name})
			}
			place := tensor.Place{Input: i, Axis: a, Dim: dim}
			in[i], all[a].At = append(in[i], place), append(all[a].At, place)
		}
	}
	return all, in
}

// RowsAreAnAxis tells whether the rows of a request change each other, so that their number is a
// length like others.
func (g *Graph) RowsAreAnAxis() bool {
	return g.Schema.Batchable() && g.FixedBatch == 0 && g.Independence != nil && g.Independence.Shown == ShownMixing
}

// Lengths bounds the free axes of the schema that is to be served: by the settings, else by what the
// trial's runs took. most is what one run may take of memory.
func (g *Graph) Lengths(c *Config, o *Observation, s *tensor.Schema, most int64) (*tensor.Lengths, []LengthReport, error) {
	first, rows := 0, false
	if s.Batchable() {
		first = 1
	} else if g.Schema.Batchable() && !g.RowsAreAnAxis() {
		first, rows = 1, g.FixedBatch == 0
	}
	l := &tensor.Lengths{Rows: rows}
	l.Axes, l.In = g.Axes(s, first)
	if err := c.unknownLengths(l.Axes); err != nil || len(l.Axes) == 0 {
		return nil, nil, err
	}
	scale := o.Scale()
	l.Joint = scale.Joint
	report := make([]LengthReport, len(l.Axes))
	asked, product := 0, int64(1)
	for a := range l.Axes {
		axis := &l.Axes[a]
		report[a] = LengthReport{Axis: axis.Name, Basis: LengthMeasured}
		own, cap := scale.Own(axis.Name, len(l.Axes))
		if scale.Known {
			axis.Own, axis.Most = own, min(own.Longest(float64(most)), cap)
		} else {
			axis.Own = tensor.Growth{Square: assumedSquare}
			axis.Most = max(axis.Own.Longest(float64(most)), c.longestBucket(axis.Name), min(o.longest(axis.Name), maxLengthLimit))
			report[a].Basis = LengthAssumed
		}
		if n := c.MaxLength[axis.Name]; n > 0 {
			axis.Most, report[a].Basis = int64(n), LengthAsked
			asked++
			product = Multiply(product, int64(n))
		}
		report[a].Most = axis.Most
	}
	switch {
	case scale.Known:
		l.Most = float64(most)
		if len(l.Axes) > 1 && asked < len(l.Axes) {
			l.Product = max(product, min(l.Joint.Longest(float64(most)), scale.Cap))
		}
	case asked == len(l.Axes):
		// Whoever allows rows of that length allows a run what one of them takes.
		l.Joint, l.Most = tensor.Growth{Square: 1}, float64(product)*float64(product)
		for a := range l.Axes {
			l.Axes[a].Own = tensor.Growth{}
		}
	default:
		l.Most = float64(most)
	}
	if g.FixedBatch > 0 {
		l.Most = 0 // its runs are all of one size, and were weighed so
	}
	return l, report, nil
}

// longest is the length of an axis in the longest request that ran.
func (o *Observation) longest(axis string) int64 {
	if o == nil {
		return 0
	}
	return o.Longest[axis]
}

// longestBucket is the longest that model.yaml pads an axis to; 0 if it does not.
func (c *Config) longestBucket(axis string) int64 {
	if p := c.Padding; p != nil && p.Axis == axis {
		return int64(p.Buckets[len(p.Buckets)-1])
	}
	return 0
}

// unknownLengths finds fault with max_length where it names no free axis, and with padding to more
// than it.
func (c *Config) unknownLengths(axes []tensor.Axis) error {
	names := make([]string, len(axes))
	for a := range axes {
		names[a] = axes[a].Name
	}
	for _, name := range slices.Sorted(maps.Keys(c.MaxLength)) {
		switch {
		case len(names) == 0:
			return fmt.Errorf("%s: max_length names %.60q, and the model has no free axis", c.fileOf("max_length"), name)
		case !slices.Contains(names, name):
			return fmt.Errorf("%s: max_length names %.60q, which is no free axis of an input%s; the free ones are %s", c.fileOf("max_length"), name, near.Meant(name, names), near.First(name, names, 20))
		}
	}
	if p := c.Padding; p != nil {
		if n, set := c.MaxLength[p.Axis]; set && p.Buckets[len(p.Buckets)-1] > n {
			return fmt.Errorf("%s: padding.buckets has %d and max_length.%s is %d: take the longer buckets out, or raise max_length", c.fileOf("padding"), p.Buckets[len(p.Buckets)-1], p.Axis, n)
		}
	}
	return nil
}

// validateLengths holds max_length against the rules that need no model.
func (c *Config) validateLengths(fail func(key, format string, args ...any)) {
	for _, name := range slices.Sorted(maps.Keys(c.MaxLength)) {
		if n := c.MaxLength[name]; n < 1 || n > maxLengthLimit {
			fail("max_length", "max_length.%.60s is %d; it must be from 1 to %d", name, n, maxLengthLimit)
		}
	}
}

// Multiply is a product that stops at 2^62.
func Multiply(a, b int64) int64 {
	if high, low := bits.Mul64(uint64(a), uint64(b)); high == 0 && low < 1<<62 {
		return int64(low)
	}
	return 1 << 62
}
