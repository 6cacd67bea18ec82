package tensor

import "testing"

func textRows(rows, each, size int) []Tensor {
	return []Tensor{
		{Type: FP32, Shape: []int64{int64(rows), 4}, Data: make([]byte, 16*rows)},
		{Type: Bytes, Shape: []int64{int64(rows), int64(each)}, Data: make([]byte, rows*each*(4+size))},
	}
}

// TestRowsByText holds how many rows share a run by what their strings come to, beside their lengths.
func TestRowsByText(t *testing.T) {
	s := &Schema{Inputs: []Spec{{Type: FP32, Shape: []int64{-1, 4}}, {Type: Bytes, Shape: []int64{-1, -1}}}, MaxBatch: 8, MaxRows: 100, MaxText: 4096}
	f := func(rows, each, size int, text int64, want int) {
		t.Helper()
		in := textRows(rows, each, size)
		if got := TextBytes(in); got != text {
			t.Errorf("%d rows of %d strings of %d bytes come to %d, want %d", rows, each, size, got, text)
		}
		if got := s.MostRows(in); got != want {
			t.Errorf("of %d rows of %d strings of %d bytes %d share a run, want %d", rows, each, size, got, want)
		}
	}
	f(1, 1, 0, 12, 0)
	f(1, 1, 500, 512, 0)
	f(1, 1, 501, 513, 4)
	f(3, 2, 500, 3072, 4)
	f(1, 1, 2037, 2049, 1)
	f(1, 2, 2036, 4096, 1)
	f(100, 0, 0, 0, 0)
	s.Lengths = &Lengths{Axes: []Axis{{Most: 100, At: []Place{{Input: 1, Dim: 1}}}}, Joint: Growth{Linear: 1}, Most: 16}
	f(1, 8, 0, 96, 2)
	f(1, 8, 300, 2496, 1)
	s.Lengths, s.MaxText = nil, 0
	f(1, 1, 1<<20, 1<<20+12, 0)
}
