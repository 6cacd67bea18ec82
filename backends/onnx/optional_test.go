package onnx

import (
	"strings"
	"testing"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/onnxfile"
	"sluice/internal/tensor"
)

func optionalSchema() *tensor.Schema {
	return &tensor.Schema{
		MaxBatch: 8, MaxRows: 8, Inputs: specs(spec("x", tensor.FP32, -1, 4)),
		Outputs:  specs(spec("y", tensor.FP32, -1, 4)),
		Optional: specs(spec("scale", tensor.FP32, 1), spec("unit", tensor.Bytes, 1)),
	}
}

func scaled(values ...any) tensor.Tensor {
	in := input(dims(1), values...)
	in.Type = tensor.FP32
	if _, ok := values[0].(string); ok {
		in.Type = tensor.Bytes
	}
	return in
}

func TestOptionalInputs(t *testing.T) {
	s := openSchema(t, "optional", optionalSchema())
	x := input(dims(1, 4), [4]float32{1, 2, 3, 4})
	for range 2 { // a request that gives none is not met by what another gave
		plain, given := newTask(s, 1, x), newTask(s, 1, x)
		mustRun(t, s, whole(plain))
		wantOutput(t, plain, 0, dims(1, 4), [4]float32{3, 6, 9, 12})
		given.Optional = []tensor.Tensor{scaled(float32(10)), {}}
		mustRun(t, s, whole(given))
		wantOutput(t, given, 0, dims(1, 4), [4]float32{10, 20, 30, 40})
	}
	if err := s.RunRaw(0, 2); err != nil {
		t.Error(err)
	}
	given, other := newTask(s, 1, x), newTask(s, 1, x)
	given.Optional = []tensor.Tensor{scaled(float32(10)), {}}
	if err := run(t, s, whole(given), whole(other)); !fault.Is(err, fault.InferenceFailed) {
		t.Errorf("a request with an optional input shared a run: %v", err)
	}
	given.Optional[0] = input(dims(2), float32(1), float32(2))
	given.Optional[0].Type = tensor.FP32
	if err := run(t, s, whole(given)); !fault.Is(err, fault.WrongShape) || !strings.Contains(err.Error(), `"scale" has size 2 on axis 0`) {
		t.Errorf("a wrong shape ended with %v", err)
	}
}

func TestOptionalStrings(t *testing.T) {
	schema := optionalSchema()
	schema.MaxBatch, schema.MaxRows = 0, 0
	schema.Outputs = specs(dynamic("y", tensor.FP32), dynamic("unit_out", tensor.Bytes))
	s := openSchema(t, "optional", schema)
	x := input(dims(1, 4), [4]float32{1, 2, 3, 4})
	a, b := newTask(s, 1, x), newTask(s, 1, x)
	mustRun(t, s, whole(a))
	wantOutput(t, a, 1, dims(1), "m")
	b.Optional = []tensor.Tensor{scaled(float32(2)), scaled("kilometre")}
	mustRun(t, s, whole(b))
	wantOutput(t, b, 0, dims(1, 4), [4]float32{2, 4, 6, 8})
	wantOutput(t, b, 1, dims(1), "kilometre")
}

func TestRunGatheredWithOptionalInputs(t *testing.T) {
	s := openSchema(t, "optional", optionalSchema())
	inputs := []tensor.Tensor{{}, {}, scaled("mile")}
	f := func(inputs []tensor.Tensor, want float32) {
		t.Helper()
		copy(s.lanes[0].in[0].memory.bytes, encode([4]float32{1, 1, 1, 1}))
		if err := s.RunGathered(0, 1, inputs, 1, clock.Never); err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Output(0, 0)
		if w := encode([4]float32{want, want, want, want}); err != nil || string(got.Data) != string(w) {
			t.Errorf("the output is %s, %v, want %v", show(got.Type, got.Data), err, want)
		}
	}
	f(inputs, 3)
	f([]tensor.Tensor{{}, scaled(float32(7)), {}}, 7)
	f(inputs[:1], 3)
	if err := s.RunGathered(0, 1, inputs[:2], 1, clock.Never); err == nil {
		t.Error("one of two optional inputs was taken")
	}
}

// TestUnpaddedRun: a request alone runs at its own length if it asks for it.
func TestUnpaddedRun(t *testing.T) {
	s := openModel(t, "padded", onnxfile.Rules{}, func(o *Options) {
		o.Schema.Padding = &tensor.Padding{
			InputAxis: []int{1, 1}, OutputAxis: []int{-1, 1}, Buckets: []int{4}, Values: [][]byte{encode(int64(77)), encode(int64(0))},
		}
	})
	f := func(unpadded bool, length int64) {
		t.Helper()
		a := sequences(s, 2, 3, 5)
		a.Unpadded = unpadded
		mustRun(t, s, whole(a))
		wantSequences(t, a)
		if got := s.lanes[0].in[0].dims; got[1] != length {
			t.Errorf("rows of 3 ran at the length %d, want %d", got[1], length)
		}
	}
	f(true, 3)
	f(false, 4)
	f(true, 3)
}
