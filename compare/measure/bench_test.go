package measure

import (
	"testing"

	"sluice/internal/tensor"
)

func benchmark(b *testing.B, o Options, rows, n int64) {
	first, second := list500()
	primary, candidate := floats(tensor.FP32, []int64{rows, n}, first[:rows*n]...), floats(tensor.FP32, []int64{rows, n}, second[:rows*n]...)
	c := mustComparer(b, &tensor.Spec{Name: "y", Type: tensor.FP32, Shape: []int64{-1, n}}, o)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Compare(primary, candidate, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompareRanked500(b *testing.B) {
	benchmark(b, Options{Kind: Ranked, Batchable: true}, 500, 1)
}

func BenchmarkCompareRegression500(b *testing.B) {
	benchmark(b, Options{Kind: Regression, Batchable: true}, 500, 1)
}

func BenchmarkCompareEmbedding500(b *testing.B) {
	benchmark(b, Options{Kind: Embedding, Batchable: true}, 1, 500)
}

func BenchmarkCompareClass500(b *testing.B) {
	benchmark(b, Options{Kind: Class, Batchable: true, Pairs: &Pairs{}}, 50, 10)
}
