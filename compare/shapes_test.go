package compare

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/tensor"
)

// shape is a model like one of examples/models, and how its answers come about.
type shape struct {
	name    string
	options Options
	rows    func(r *rand.Rand) int
	answer  func(r *rand.Rand, rows int) []tensor.Tensor
}

func floats(name string, shape []int64, values []float32) tensor.Tensor {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return tensor.Tensor{Name: name, Type: tensor.FP32, Shape: shape, Data: data}
}

func limit(output, figure string, most float64) Criterion {
	l := Criterion{Output: output, Figure: figure}
	x := criteriaLimit(most)
	l.AtMost = x
	return l
}

func normals(r *rand.Rand, n int) []float32 {
	list := make([]float32, n)
	for i := range list {
		list[i] = float32(r.NormFloat64())
	}
	return list
}

var input = []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 2}}, {Name: "city", Type: tensor.Bytes, Shape: []int64{-1}}}

// shapes are the three models.
func shapes() []shape {
	versions := func(name string) Options {
		return Options{Model: name, Primary: Version{name, "1", "a1"}, Candidate: Version{name, "2", "b2"}, Again: true, UnitBytes: 64 << 10}
	}
	ranker, digits, encoder := versions("ranker"), versions("digits"), versions("encoder")
	ranker.Schema = &tensor.Schema{MaxBatch: 64, MaxRows: 512, Inputs: input, Outputs: []tensor.Spec{{Name: "score", Type: tensor.FP32, Shape: []int64{-1}}}}
	ranker.Outputs = map[string]Output{"score": {Kind: "ranked"}}
	ranker.Criteria = []Criterion{limit("score", "rbo_distance", 0.02), limit("score", "mismatch", 0.002), limit("", "errors", 0.005)}
	digits.Schema = &tensor.Schema{MaxBatch: 64, MaxRows: 512, Inputs: input, Outputs: []tensor.Spec{
		{Name: "label", Type: tensor.Int64, Shape: []int64{-1}},
		{Name: "probabilities", Type: tensor.FP32, Shape: []int64{-1, 10}, Labels: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
	}}
	digits.Criteria = []Criterion{limit("label", "differs", 0.01), limit("probabilities", "mismatch", 0.002), limit("", "errors", 0.005)}
	encoder.Schema = &tensor.Schema{MaxBatch: 64, MaxRows: 512, Inputs: input, Outputs: []tensor.Spec{{Name: "embedding", Type: tensor.FP32, Shape: []int64{-1, 64}}}}
	encoder.Criteria = []Criterion{limit("embedding", "differs", 0.01), limit("embedding", "mismatch", 0.002), limit("", "errors", 0.005)}
	return []shape{
		{"ranker", ranker, func(r *rand.Rand) int { return 5 + r.IntN(4) }, func(r *rand.Rand, rows int) []tensor.Tensor {
			return []tensor.Tensor{floats("score", []int64{int64(rows)}, normals(r, rows))}
		}},
		{"digits", digits, func(r *rand.Rand) int { return 1 + r.IntN(3) }, func(r *rand.Rand, rows int) []tensor.Tensor {
			label := tensor.Tensor{Name: "label", Type: tensor.Int64, Shape: []int64{int64(rows)}}
			var scores []float32
			for range rows {
				class := r.IntN(10)
				label.Data = binary.LittleEndian.AppendUint64(label.Data, uint64(class))
				row := make([]float32, 10)
				for i := range row {
					row[i] = 0.02 + 0.01*r.Float32()
				}
				row[class] = 0.7
				scores = append(scores, row...)
			}
			return []tensor.Tensor{label, floats("probabilities", []int64{int64(rows), 10}, scores)}
		}},
		{"encoder", encoder, func(r *rand.Rand) int { return 1 + r.IntN(2) }, func(r *rand.Rand, rows int) []tensor.Tensor {
			return []tensor.Tensor{floats("embedding", []int64{int64(rows), 64}, normals(r, 64*rows))}
		}},
	}
}

// noisy is an answer as the same model gives it in another batch: a few units in the last place off.
func noisy(r *rand.Rand, answer []tensor.Tensor) []tensor.Tensor {
	out := make([]tensor.Tensor, len(answer))
	for i := range answer {
		t := answer[i]
		t.Data = append([]byte(nil), t.Data...)
		if t.Type == tensor.FP32 {
			for at := 0; at < len(t.Data); at += 4 {
				x := math.Float32frombits(binary.LittleEndian.Uint32(t.Data[at:]))
				x *= 1 + float32(r.NormFloat64())*1e-7
				binary.LittleEndian.PutUint32(t.Data[at:], math.Float32bits(x))
			}
		}
		out[i] = t
	}
	return out
}

// samples gives n samples of a shape; spoil changes the candidate's answer and says whether it did.
func (s *shape) samples(n int, seed uint64, spoil func(r *rand.Rand, x *Sample, before []tensor.Tensor) bool) (list []Sample, spoiled map[string]bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	spoiled = map[string]bool{}
	var before []tensor.Tensor
	for i := range n {
		rows := s.rows(r)
		x := Sample{ID: fmt.Sprintf("r%05d", i), Unit: r.Uint64(), Rows: rows, Primary: s.answer(r, rows)}
		city := tensor.Tensor{Name: "city", Type: tensor.Bytes, Shape: []int64{int64(rows)}}
		for range rows {
			city.Data = tensor.AppendBytes(city.Data, []string{"Ulm", "Bern", "Linz"}[i%3])
		}
		x.Inputs = []tensor.Tensor{floats("x", []int64{int64(rows), 2}, normals(r, 2*rows)), city}
		x.Candidate, x.Again = noisy(r, x.Primary), noisy(r, x.Primary)
		x.PrimaryRun = time.Duration(1e6 + 1e5*r.NormFloat64())
		x.CandidateRun = x.PrimaryRun + time.Duration(2e4*r.NormFloat64())
		if spoil != nil && spoil(r, &x, before) {
			spoiled[x.ID] = true
		}
		before = x.Primary
		list = append(list, x)
	}
	return list, spoiled
}

func study(t testing.TB, o Options) *Study {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t testing.TB, s *Study, list []Sample) {
	t.Helper()
	for i := range list {
		if err := s.Add(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
}
