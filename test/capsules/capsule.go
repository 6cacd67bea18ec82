package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"sluice/internal/tensor"
)

// example is one of the models, how its inputs are drawn, and the weight that is changed in its second version.
type example struct {
	name    string
	outputs []string
	draw    func(rng *rand.Rand) []tensor.Tensor
	change  change
}

// The weights are such that an answer changes for some rows and not for others: an embedding of one id, a leaf of a
// tree, a feature behind a ReLU.
var models = []example{
	{"ranker", []string{"score"}, drawRanker, change{weight: "store.weight", element: 8 * 32, by: 1}},
	{"eta", []string{"eta_minutes"}, drawETA, change{attribute: "target_weights", element: 100, by: 30}},
	{"digits", []string{"label", "probabilities"}, drawDigits, change{weight: "body.13.weight", element: 3*256 + 10, by: 2}},
	{"encoder", []string{"embedding"}, drawEncoder, change{weight: "embed.weight", element: 137 * 64, by: 1}},
}

// capsule is a request, and what came of it.
type capsule struct {
	id     string
	model  *example
	inputs []tensor.Tensor
	answer answer
	// moved is how far the changed version's answer is from the own version's, in tolerances.
	moved float64
}

// draw makes capsule i, always the same.
func draw(i int) *capsule {
	m := &models[i%len(models)]
	return &capsule{id: fmt.Sprintf("%s-%d", m.name, i), model: m, inputs: m.draw(rand.New(rand.NewPCG(uint64(i), 0x63617073)))}
}

func (c *capsule) rows() int { return int(c.inputs[0].Shape[0]) }

func floats(name string, shape []int64, value func() float64) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.FP32, Shape: shape}
	n, _ := tensor.Elements(shape)
	for range n {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(value())))
	}
	return t
}

func integers(name string, shape []int64, value func() int64) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.Int64, Shape: shape}
	n, _ := tensor.Elements(shape)
	for range n {
		t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(value()))
	}
	return t
}

// drawRanker draws a user and candidates, of which a few get most of the impressions.
func drawRanker(rng *rand.Rand) []tensor.Tensor {
	rows := 1 + rng.Int64N(12)
	user := rng.Int64N(4000)
	return []tensor.Tensor{
		integers("user_id", []int64{rows}, func() int64 { return user }),
		integers("store_id", []int64{rows}, func() int64 { r := rng.Float64(); return int64(r * r * 1000) }),
		floats("dense", []int64{rows, 16}, rng.NormFloat64),
	}
}

// drawETA draws deliveries: the columns and their ranges are those of the model's training.
func drawETA(rng *rand.Rand) []tensor.Tensor {
	most := []float64{12, 15, 40, 40, 30, 24, 7, 10, 35, 2, 20, 2}
	column := -1
	return []tensor.Tensor{floats("features", []int64{1 + rng.Int64N(4), int64(len(most))}, func() float64 {
		column = (column + 1) % len(most)
		v := rng.Float64() * most[column]
		if column == 1 || column > 2 && column < 7 || column > 9 { // counts and classes
			v = math.Floor(v)
		}
		return v
	})}
}

// drawDigits draws strokes: a walk over the image that leaves ink.
func drawDigits(rng *rand.Rand) []tensor.Tensor {
	rows := 1 + rng.Int64N(3)
	images := make([][64]float64, rows)
	for i := range images {
		x, y := 3+rng.IntN(2), rng.IntN(3)
		for range 14 {
			images[i][8*y+x] = 6 + 10*rng.Float64()
			x, y = min(max(x+rng.IntN(3)-1, 0), 7), min(max(y+rng.IntN(3)-1, 0), 7)
		}
	}
	at := -1
	return []tensor.Tensor{floats("image", []int64{rows, 1, 8, 8}, func() float64 { at++; return images[at/64][at%64] })}
}

// drawEncoder draws sequences of one length.
func drawEncoder(rng *rand.Rand) []tensor.Tensor {
	shape := []int64{1 + rng.Int64N(2), 2 + rng.Int64N(30)}
	return []tensor.Tensor{
		integers("tokens", shape, func() int64 { return 1 + rng.Int64N(511) }),
		integers("mask", shape, func() int64 { return 1 }),
	}
}
