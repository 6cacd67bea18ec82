package models

import (
	"fmt"
	"math/rand/v2"

	"sluice/internal/tensor"
)

// freeLengths are tried in turn for dimensions that nothing is known of: 8 suits
// sequences, 32 and 224 pictures, 1 what takes any.
var freeLengths = []int64{8, 32, 224, 1}

// synthesis makes up rows for a model without golden rows. The same seed gives the same
// rows on every load.
type synthesis struct {
	schema *tensor.Schema
	free   int64 // length of every free dimension but the batch and the padded one
	rng    *rand.Rand
}

func newSynthesis(schema *tensor.Schema, free int64) *synthesis {
	return &synthesis{schema, free, rand.New(rand.NewPCG(1, 2))}
}

// sample makes request k: one row of a batchable model, or a whole request.
func (s *synthesis) sample(k int) sample {
	made := sample{rows: 1}
	for i := range s.schema.Inputs {
		spec := &s.schema.Inputs[i]
		shape := make([]int64, len(spec.Shape))
		elements := int64(1)
		for a, d := range spec.Shape {
			switch {
			case a == 0 && s.schema.Batchable():
				d = 1
			case d < 0:
				d = s.length(i, a, k)
			}
			shape[a] = d
			elements *= d
		}
		made.inputs = append(made.inputs, tensor.Tensor{
			Name: spec.Name, Type: spec.Type, Shape: shape, Data: s.data(spec.Type, int(elements), k),
		})
	}
	return made
}

// length picks a free dimension. Padded rows come in three lengths: exactly the first
// bucket, which alone runs unpadded, shorter, and longer, so that a mixed batch pads
// the first.
func (s *synthesis) length(input, at, k int) int64 {
	p := s.schema.Padding
	if p == nil || p.InputAxis[input] != at {
		return s.free
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

// data makes elements that most models accept. Integers are often indices into a table
// of unknown length, or masks: 0 and 1 are safe, the first is always 1, so no mask is
// empty. Floating rows differ in size by powers of ten, because operators that take a
// scale from the whole batch show only then.
func (s *synthesis) data(t tensor.DataType, n, k int) []byte {
	var data []byte
	scale := []float64{1, 0.1, 10}[k%3]
	for i := range n {
		switch {
		case t == tensor.Bytes:
			data = tensor.AppendBytes(data, fmt.Sprintf("w%d", s.rng.IntN(8)))
		case t.Float():
			bits, _ := encodeNumber(t, scale*s.rng.NormFloat64()) // a float type has no error
			data = append(data, bits...)
		default:
			value := 0.0
			if i == 0 || s.rng.IntN(4) > 0 {
				value = 1
			}
			bits, _ := encodeNumber(t, value) // every integer type and BOOL hold 0 and 1
			data = append(data, bits...)
		}
	}
	return data
}
