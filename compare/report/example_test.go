package report

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/compare"
	"sluice/compare/criteria"
	"sluice/compare/price"
	"sluice/internal/tensor"
)

func floats(name string, shape []int64, values ...float32) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.FP32, Shape: shape}
	for _, v := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}

// answer is what a version gives to a seeded request: some classes are changed, and each score is moved a little.
func answer(r *rand.Rand, base []float32, moved float32) []tensor.Tensor {
	n := len(base)
	class, risk, score := tensor.Tensor{Name: "class", Type: tensor.Int64, Shape: []int64{int64(n)}}, make([]float32, n), make([]float32, n)
	for i, x := range base {
		y := x + moved*float32(r.NormFloat64())
		class.Data = binary.LittleEndian.AppendUint64(class.Data, uint64(int(10*y+50)/10))
		risk[i], score[i] = 1/(1+float32(math.Exp(float64(-y)))), y
	}
	return []tensor.Tensor{class, floats("risk", []int64{int64(n)}, risk...), floats("score", []int64{int64(n)}, score...)}
}

// example is a report with all parts; moved is how far the candidate is off.
func example(t testing.TB, moved float32) *compare.Report {
	t.Helper()
	spec := func(name string, kind tensor.DataType) tensor.Spec {
		return tensor.Spec{Name: name, Type: kind, Shape: []int64{-1}}
	}
	s, err := compare.New(compare.Options{
		Model: "orders", Primary: compare.Version{Name: "orders", Version: "7", Digest: "c392bf63e66e38681449e02f5bc3f38c92a274afbd4e8b94b4518e0cc55acbd7"},
		Candidate: compare.Version{Name: "orders", Version: "8", Digest: "4b94b4518e0cc55acbd7c392bf63e66e38681449e02f5bc3f38c92a274afbd4e"}, Again: true,
		Schema: &tensor.Schema{
			MaxBatch: 64, MaxRows: 64, Inputs: []tensor.Spec{spec("x", tensor.FP32), spec("country", tensor.Bytes)},
			Outputs: []tensor.Spec{spec("class", tensor.Int64), spec("risk", tensor.FP32), spec("score", tensor.FP32)},
		},
		Outputs: map[string]compare.Output{"risk": {Kind: "probability"}, "score": {Kind: "ranked"}}, Segments: []string{"country"},
		Criteria: []compare.Criterion{
			{Output: "risk", Figure: "flip", AtMost: criteria.At(0.02)},
			{Output: "score", Figure: "rbo_distance", AtMost: criteria.At(0.05)},
			{Output: "risk", Figure: "bias", Within: criteria.At(0.01)},
			{Figure: "errors", AtMost: criteria.At(0.01)},
			{Figure: "latency", AtMost: criteria.At(0.0005)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1800 {
		base := make([]float32, 6)
		for k := range base {
			base[k] = float32(r.NormFloat64())
		}
		country := []string{"AT", "CH", "DE"}[i%3]
		off := moved
		if country == "CH" {
			off *= 4
		}
		var countries []byte
		for range base {
			countries = tensor.AppendBytes(countries, country)
		}
		run := time.Duration(2e6 + 3e5*r.NormFloat64())
		x := compare.Sample{
			ID: fmt.Sprintf("01J%05d", i), Unit: r.Uint64(), Rows: 6, Inputs: []tensor.Tensor{floats("x", []int64{6}, base...), {Name: "country", Type: tensor.Bytes, Shape: []int64{6}, Data: countries}},
			Primary: answer(r, base, 0), Again: answer(r, base, 1e-4), Candidate: answer(r, base, off), PrimaryRun: run, CandidateRun: run - time.Duration(4e5+1e5*r.NormFloat64()), Degraded: i%400 == 7,
		}
		if i%900 == 11 {
			x.Candidate, x.Failure = nil, "timeout"
		}
		if err := s.Add(&x); err != nil {
			t.Fatal(err)
		}
	}
	from := time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	report := s.Report(compare.Coverage{Mode: "live", From: from, To: from.Add(time.Hour), Seen: 36000, Sampled: 1850, Dropped: map[string]int64{"ring_full": 50}})
	prices, err := price.ParsePrices("prices.yaml", []byte("currency: USD\ndevices: {cpu: {per_hour: 0.357}, gpu: {per_hour: 0.805}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	cost, err := price.Compare(prices.Fleet, price.Steady(900), prices.Device("cpu", 400), prices.Device("gpu", 4000))
	if err != nil {
		t.Fatal(err)
	}
	report.Cost = cost
	report.Tax = &compare.Tax{Pairs: 40, P99: 4e-5, P99Interval: compare.Bounds{Low: -5e-5, High: 1.3e-4}, CPU: 1e-6, CPUInterval: compare.Bounds{Low: -1e-6, High: 3e-6}, Smallest: 2e-4}
	report.Provenance = []compare.Fact{{Name: "seed", Value: "7"}}
	report.Outputs[1].Worst[0].Replay = "sluice replay 01J00001 --dir FOLDER --model orders:8"
	return report
}
