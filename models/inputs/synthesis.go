package inputs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"sluice/internal/onnxfile/dataflow"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// freeLengths are tried in turn for dimensions that nothing is known of: 8 suits
// sequences, 32 and 224 pictures, 1 what takes any.
var freeLengths = []int64{8, 32, 224, 1}

// widths are tried in turn for integers that nothing is known of: most are indices into a
// table of unknown length, and what differs widely shows most.
var widths = []int64{1000, 100, 10, 2}

// Profile is one way to make up rows.
type Profile struct {
	Free  int64 // length of every free dimension but the batch and the padded one
	width int64 // integers without a hint are from 0 to width-1
}

// Profiles are the ways in the order in which they are tried.
func Profiles() []Profile {
	var all []Profile
	for _, free := range freeLengths {
		for _, width := range widths {
			all = append(all, Profile{free, width})
		}
	}
	return all
}

// Synthesis makes up rows for a model. The same profile gives the same rows on every load,
// and no two rows of it are alike in any input that has room for it.
type Synthesis struct {
	Schema *tensor.Schema
	hints  []dataflow.Hint
	Profile
	// Lengths are those of free dimensions, by input and axis, that are not to be as the profile says.
	Lengths map[[2]int]int64
	rng     *rand.Rand
}

// NewSynthesis makes rows up in the way of a profile. hints may be nil.
func NewSynthesis(schema *tensor.Schema, hints []dataflow.Hint, p Profile) *Synthesis {
	if len(hints) != len(schema.Inputs) {
		hints = make([]dataflow.Hint, len(schema.Inputs))
	}
	return &Synthesis{Schema: schema, hints: hints, Profile: p, rng: rand.New(rand.NewPCG(1, 2))}
}

// Make makes request k: one row of a batchable model, or a whole request.
func (s *Synthesis) Make(k int) Request {
	made := Request{Rows: 1}
	for i := range s.Schema.Inputs {
		spec := &s.Schema.Inputs[i]
		rng, row := s.rng, k
		if bundle.Shared(spec) {
			// Requests that differ here share no run, so all rows are alike.
			rng, row = rand.New(rand.NewPCG(3, uint64(i))), 0
		}
		shape := make([]int64, len(spec.Shape))
		elements := int64(1)
		for a, d := range spec.Shape {
			shape[a] = s.Dimension(i, a, d, k)
			elements *= shape[a]
		}
		made.Inputs = append(made.Inputs, tensor.Tensor{
			Name: spec.Name, Type: spec.Type, Shape: shape, Data: s.data(rng, spec, s.hints[i], int(elements), row),
		})
	}
	return made
}

// Dimension is the size of an axis that the schema says is of size d, or free.
func (s *Synthesis) Dimension(input, at int, d int64, k int) int64 {
	switch {
	case at == 0 && s.Schema.Batchable():
		return 1
	case d < 0:
		return s.length(input, at, k)
	}
	return d
}

// MakeAll makes n requests.
func (s *Synthesis) MakeAll(n int) []Request {
	all := make([]Request, n)
	for k := range all {
		all[k] = s.Make(k)
	}
	return all
}

// length picks a free dimension. Padded rows come in three lengths: exactly the first
// bucket, shorter, and longer, so that a mixed batch pads the first.
func (s *Synthesis) length(input, at, k int) int64 {
	if n, set := s.Lengths[[2]int{input, at}]; set {
		return n
	}
	p := s.Schema.Padding
	if p == nil || p.InputAxis[input] != at {
		return s.Free
	}
	first := p.Buckets[0]
	switch k % 3 {
	case 0:
		return int64(first)
	case 1:
		if len(p.Buckets) > 1 {
			return int64(min(first+1+k%8, p.Buckets[1]))
		}
		return int64(first + 1 + k%8)
	default:
		return int64(max(1, first-1-k%8))
	}
}

// data makes the elements of one input. Floating rows differ in size by powers of ten, because
// operators that take a scale from the whole batch show only then.
func (s *Synthesis) data(rng *rand.Rand, spec *tensor.Spec, hint dataflow.Hint, n, k int) []byte {
	data := make([]byte, 0, n*max(spec.Type.Size(), 1)+8) // AppendNumber writes 8 bytes and keeps some
	scale := []float64{1, 0.1, 10, 100}[k%4]
	if s.width <= 10 {
		scale = 1
	}
	for i := range n {
		switch {
		case spec.Type == tensor.Bytes:
			data = tensor.AppendBytes(data, s.text(rng, hint))
		case spec.Type.Float():
			data = tensor.AppendFloat(data, spec.Type, s.real(rng, hint, scale))
		default:
			data, _ = tensor.AppendNumber(data, spec.Type, float64(s.whole(rng, spec, hint, i, n, k))) // whole has its bounds
		}
	}
	return data
}

func (s *Synthesis) text(rng *rand.Rand, hint dataflow.Hint) string {
	switch {
	case hint.Numeric:
		return fmt.Sprint(rng.Int64N(s.width))
	case len(hint.Strings) > 0:
		return hint.Strings[rng.IntN(len(hint.Strings))]
	}
	return fmt.Sprintf("w%d", rng.Int64N(s.width))
}

// real is a floating element. One that serves as an index, a category or a divisor is drawn as
// such.
func (s *Synthesis) real(rng *rand.Rand, hint dataflow.Hint, scale float64) float64 {
	switch {
	case len(hint.Integers) > 0:
		return float64(hint.Integers[rng.IntN(len(hint.Integers))])
	case hint.HasRange:
		return float64(between(rng, hint.Low, hint.High))
	case hint.Mask:
		return float64(rng.IntN(2))
	case s.width <= 2:
		return rng.Float64()
	}
	return scale * rng.NormFloat64()
}

// whole is element i of the n of an integer or boolean input. The first of a mask of several is
// always 1, so that none is empty.
func (s *Synthesis) whole(rng *rand.Rand, spec *tensor.Spec, hint dataflow.Hint, i, n, k int) int64 {
	low, high := int64(0), s.width-1
	mask := hint.Mask || spec.Type == tensor.Bool || s.width == 2 || strings.Contains(strings.ToLower(spec.Name), "mask")
	switch {
	case len(hint.Integers) > 0:
		return clamp(hint.Integers[rng.IntN(len(hint.Integers))], spec.Type)
	case hint.HasRange:
		low, high = hint.Low, hint.High
	case hint.Length:
		return 1 + int64(k)%s.Free
	case mask && (i == 0 && n > 1 || rng.IntN(4) > 0):
		return 1
	case mask:
		return 0
	}
	if hint.NonZero {
		low, high = max(low, 1), max(high, 1)
	}
	return between(rng, clamp(low, spec.Type), clamp(high, spec.Type))
}

// between draws from low to high, both included.
func between(rng *rand.Rand, low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + rng.Int64N(high-low+1)
}

// clamp keeps a value inside of what the type holds, and far from the ends of 64 bits.
func clamp(v int64, t tensor.DataType) int64 {
	if t == tensor.Bool {
		return min(max(v, 0), 1)
	}
	low, high := tensor.IntegerRange(t)
	return int64(min(max(float64(v), low, math.MinInt32), high, math.MaxInt32))
}
