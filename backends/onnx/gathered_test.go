package onnx

import (
	"testing"

	"sluice/internal/clock"
	"sluice/internal/onnxfile"
	"sluice/internal/tensor"
)

// given is memory that a session views: C memory here, a shared mapping elsewhere.
func given(t *testing.T, size int) []byte {
	t.Helper()
	var s slab
	if _, err := s.ensure(size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.free)
	return s.bytes
}

func TestRunGathered(t *testing.T) {
	in, out := given(t, 4*12), given(t, 4*12)
	s := openModel(t, "fixed4", onnxfile.Rules{}, func(o *Options) {
		o.Memory = func(_ int, output bool, index int) []byte {
			switch {
			case index > 0:
				return nil // the session's own
			case output:
				return out
			}
			return in
		}
	})
	copy(in, encode([12]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 7, 8, 9}))
	inputs := make([]tensor.Tensor, 1)
	if err := s.RunGathered(0, 3, inputs, 1, clock.Never); err != nil {
		t.Fatal(err)
	}
	got, inPlace, err := s.Output(0, 0)
	if err != nil || !inPlace || &got.Data[0] != &out[0] {
		t.Errorf("the output is %v, in place: %v, %v", got, inPlace, err)
	}
	if want := encode([12]float32{2, 4, 6, 8, 10, 12, 14, 16, 18, 14, 16, 18}); string(got.Data) != string(want) {
		t.Errorf("the output is %s", show(got.Type, got.Data))
	}
	if _, _, err := s.Output(0, 1); err == nil {
		t.Error("an output that was not wanted was given")
	}
	if err := s.RunGathered(0, 3, inputs, 3, clock.Never); err != nil {
		t.Fatal(err)
	}
	if _, inPlace, err := s.Output(0, 1); err != nil || inPlace {
		t.Errorf("an output in memory of the session's own is in place: %v, %v", inPlace, err)
	}
	for _, n := range []int{0, 5} {
		if err := s.RunGathered(0, n, inputs, 1, clock.Never); err == nil {
			t.Errorf("a batch of %d rows ran", n)
		}
	}
	if err := s.RunGathered(0, 1, nil, 1, clock.Never); err == nil {
		t.Error("a batch without inputs ran")
	}
}

func TestRunGatheredOfFreeShape(t *testing.T) {
	f := func(model string, in tensor.Tensor, rows int, want []byte) {
		t.Helper()
		s := openModel(t, model, onnxfile.Rules{}, nil)
		data := given(t, len(in.Data))
		in.Data = data[:copy(data, in.Data)]
		for range 2 {
			if err := s.RunGathered(0, rows, []tensor.Tensor{in}, 0, clock.Never); err != nil {
				t.Fatal(err)
			}
			if got, inPlace, err := s.Output(0, 0); err != nil || inPlace || string(got.Data) != string(want) {
				t.Errorf("%s gave %v, in place: %v, %v", model, got, inPlace, err)
			}
		}
		in.Shape = dims(9, 9)
		if err := s.RunGathered(0, rows, []tensor.Tensor{in}, 0, clock.Never); err == nil {
			t.Errorf("%s ran with the shape %v", model, in.Shape)
		}
	}
	half := input(dims(2, 2), [4]uint16{1, 2, 3, 4})
	f("id_fp16_dynamic", half, 2, half.Data)
	words := input(dims(1, 2), "one", "two")
	f("id_bytes", words, 1, words.Data)
}

func TestMemoryThatIsTooSmall(t *testing.T) {
	needLibrary(t)
	m, err := onnxfile.Read(modelPath("fixed4"))
	if err != nil {
		t.Fatal(err)
	}
	inf, err := onnxfile.Infer(m, onnxfile.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Schema: &inf.Schema, FixedBatch: inf.FixedBatch, Memory: func(int, bool, int) []byte { return make([]byte, 1) }}
	if s, err := Open(modelPath("fixed4"), o); err == nil {
		t.Errorf("a session was opened over 1 byte: %v", s.Close())
	}
}
