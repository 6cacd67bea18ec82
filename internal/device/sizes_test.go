package device

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSizes(t *testing.T) {
	f := func(kind Kind, maxBatch, fixedBatch int, want ...int) {
		t.Helper()
		if got := Sizes(kind.GPU(), maxBatch, fixedBatch); !slices.Equal(got, want) {
			t.Errorf("the sizes on %v up to %d are %v, want %v", kind, maxBatch, got, want)
		}
	}
	f(WebGPU, 1, 0, 1)
	f(WebGPU, 2, 0, 1, 2)
	f(CUDA, 12, 0, 1, 2, 4, 8, 12)
	f(TensorRT, 64, 0, 1, 2, 4, 8, 16, 32, 64)
	f(CUDA, 6, 8, 8)
	f(CUDA, 0, 8)
	f(CPU, 64, 0)
	f(CPU, 6, 8, 8)
	f(Fake, 64, 0)
}

// TestFill: every batch fits, and at most as many rows are made up as are real.
func TestFill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 4096).Draw(t, "most")
		rows := rapid.IntRange(1, most).Draw(t, "rows")
		if got := Fill(Sizes(true, most, 0), rows); got < rows || got > most || got >= 2*rows {
			t.Fatalf("%d rows of %d are run as %d", rows, most, got)
		}
		if got := Fill(Sizes(true, most, most), rows); got != most {
			t.Fatalf("%d rows of a file that fixes %d are run as %d", rows, most, got)
		}
		if got := Fill(nil, rows); got != rows {
			t.Fatalf("%d rows are run as %d", rows, got)
		}
	})
}
