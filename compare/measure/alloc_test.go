//go:build !race

package measure

import (
	"testing"

	"sluice/internal/tensor"
)

// TestAllocations holds that comparing allocates nothing once the memory is there.
func TestAllocations(t *testing.T) {
	f := func(o Options, primary, candidate *tensor.Tensor) {
		t.Helper()
		c := mustComparer(t, &tensor.Spec{Name: "y", Type: primary.Type, Shape: primary.Shape}, o)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := c.Compare(primary, candidate, 1); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s of %s: %v allocations", o.Kind, primary.Type, n)
		}
	}
	a, b := floats(tensor.FP32, []int64{3, 2}, 0.1, 0.9, 0.2, 0.8, 0.3, 0.7), floats(tensor.FP32, []int64{3, 2}, 0.9, 0.1, 0.2, 0.8, 0.5, 0.5)
	for k := range Kind(len(kindNames)) {
		f(Options{Kind: k, Batchable: true, Pairs: &Pairs{}}, a, b)
	}
	f(Options{Kind: Class, Batchable: true, Pairs: &Pairs{}}, words("a", "b"), words("a", "c"))
	f(Options{Kind: Tensor, Batchable: true}, int64s(1, 2), int64s(2, 1))

	var noise Noise
	worst, _ := NewReservoir(4, 4096)
	filter, _ := NewBloom(MinBloomBytes)
	var segments Segments
	value, rows := []byte("DE"), []float64{0.5, 0.25}
	x := 0.0
	if n := testing.AllocsPerRun(100, func() {
		x++
		noise.AddUnit(rows)
		segments.Add(value, x)
		filter.Add(uint64(x))
		worst.Wants(x, "id", 0)
	}); n != 0 {
		t.Errorf("summing up: %v allocations", n)
	}
}
