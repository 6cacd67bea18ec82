package measure

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestNoise holds the threshold to its definition: ten of the first thousand rows lie above it.
func TestNoise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var n Noise
		var rows []float64
		for len(rows) < noiseRows {
			if n.Known() || n.Threshold(Tensor) != 1 || n.Threshold(Ranked) != 0 {
				t.Fatalf("there is a threshold after %d rows", len(rows))
			}
			unit := make([]float64, 1+r.IntN(300))
			for i := range unit {
				unit[i] = r.ExpFloat64()
			}
			n.AddUnit(append([]float64{inf}, unit...)) // what is no noise does not count
			rows = append(rows, unit...)
		}
		threshold := n.Threshold(Ranked)
		above := 0
		for _, x := range rows[:noiseRows] {
			if x > threshold {
				above++
			}
		}
		if !n.Known() || n.Rows() != noiseRows || above != noiseAbove || !slices.Contains(rows, threshold) {
			t.Fatalf("%d of %d rows are above %v", above, n.Rows(), threshold)
		}
		n.AddUnit([]float64{1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9})
		if n.Threshold(Ranked) != threshold || n.Threshold(Tensor) != max(1, threshold) {
			t.Fatalf("the threshold %v became %v", threshold, n.Threshold(Ranked))
		}
	})
	if q := (&Noise{}).Quantile(); q != 0.99 {
		t.Errorf("the quantile is %v", q)
	}
}

// TestNoiseState holds that a gateway which starts again goes on as if it had not stopped.
func TestNoiseState(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	var whole, parts Noise
	for i := range noiseRows {
		unit := []float64{r.ExpFloat64()}
		whole.AddUnit(unit)
		parts.AddUnit(unit)
		if i%100 == 7 {
			var read Noise
			reload(t, &parts, &read)
			parts = read
		}
	}
	if !parts.Known() || parts.Threshold(Ranked) != whole.Threshold(Ranked) {
		t.Errorf("%v instead of %v", parts.Threshold(Ranked), whole.Threshold(Ranked))
	}
}
