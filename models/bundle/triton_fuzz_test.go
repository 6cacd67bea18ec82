package bundle

import (
	"testing"

	"sluice/internal/tensor"
)

// FuzzDecodeTriton reads files that are nearly right: what is taken must be safe to use.
func FuzzDecodeTriton(f *testing.F) {
	for _, text := range []string{
		`name: "m" max_batch_size: 8 input { name: "x" dims: [ -1, 4 ] reshape { shape: [ 2, -1, 2 ] } } version_policy { all { } }`,
		`input { name: "x" dims: [ -1, 4 ] reshape { shape: [ -1, 2, 2 ] } } output { name: "y" dims: 1 reshape { } label_filename: "a" }`,
		`version_policy { specific { versions: [ 1, 2 ] } } parameters { key: "a" value { } } dynamic_batching { }`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := decodeTriton(text, "m")
		if err != nil {
			if s != nil && s.Keep < 0 {
				t.Errorf("%d versions stay loaded", s.Keep)
			}
			return
		}
		if s.File != "" && !plainName(s.File) || s.Keep < 0 || s.Only != nil && len(s.Only) == 0 {
			t.Errorf("taken: %+v", s)
		}
		if d := s.over(Defaults{MaxBatch: 64}); d.MaxBatch < 0 || d.MaxBatch > maxBatchLimit || d.Rows > maxRowsLimit {
			t.Errorf("defaults %+v", d)
		}
		for _, list := range [][]TritonTensor{s.Inputs, s.Outputs} {
			for i := range list {
				tryWire(t, s, &list[i])
			}
		}
	})
}

// tryWire takes a small tensor to the model's shape and back.
func tryWire(t *testing.T, s *Triton, e *TritonTensor) {
	s.Lead = s.Batch > 0
	w := s.wire(e, &tensor.Spec{Shape: []int64{-1}})
	if w == nil {
		return
	}
	given := make([]int64, len(w.Shape))
	for i, d := range w.Shape {
		if given[i] = d; d < 0 {
			given[i] = int64(2 + i)
		}
	}
	own := w.AppendOwn(nil, given)
	back, ok := w.AppendShape(nil, own)
	a, fits := tensor.Elements(given)
	if b, _ := tensor.Elements(own); !ok || fits && a != b || !Declares(given, back) {
		t.Errorf("%v becomes %v and %v again, by %+v", given, own, back, w)
	}
}
