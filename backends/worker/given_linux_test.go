package worker

import (
	"strings"
	"testing"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// TestOutputsLargerThanTheirPlace: an answer that the slab does not hold fails its run alone.
func TestOutputsLargerThanTheirPlace(t *testing.T) {
	d := start(t, "serve", func(o *Options) { o.FreeBytes = 1 << 10 })
	in, out := tensor.Spec{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 4}}, tensor.Spec{Name: "y", Type: tensor.FP32, Shape: []int64{-1}, Dynamic: true}
	s := open(t, d, "identity", &tensor.Schema{MaxBatch: 128, MaxRows: 128, Inputs: []tensor.Spec{in}, Outputs: []tensor.Spec{out}}, 1)
	echoes(t, s, 0)
	err := run(s, 0, clock.Never, whole(numbers(4, make([]float32, 65)...)))
	const want = "the model gave output 'y' of 1040 bytes in the shape [65,4]; on this device 1024 are left of the 1024 for outputs whose size only a run tells"
	if f := fault.Of(err); f == nil || f.Kind != fault.InferenceFailed || f.Text != want {
		t.Errorf("an output of 1,040 bytes ended with %v", err)
	}
	if failed, _ := task.DeviceFailed(err); failed {
		t.Error("the device is blamed for it")
	}
	echoes(t, s, 0)
	if d.Status().Starts != 1 {
		t.Error("it ended the process")
	}
}

// TestRowsGivenOnce: one row for many is repeated in the slab, or stays the one that the file
// takes; an output on that axis comes once.
func TestRowsGivenOnce(t *testing.T) {
	d := start(t, "serve", nil)
	f := func(axis int64, kind tensor.DataType, shape []int64, data []byte, free bool) {
		t.Helper()
		once := tensor.Spec{Name: "user", Type: kind, Shape: append([]int64{axis}, shape[1:]...), Once: true}
		if free {
			once.Shape[1] = -1
		}
		items := tensor.Spec{Name: "items", Type: tensor.FP32, Shape: []int64{-1, 4}}
		s := open(t, d, "identity", &tensor.Schema{MaxBatch: 8, MaxRows: 8, Inputs: []tensor.Spec{once, items}, Outputs: []tensor.Spec{once, items}}, 1)
		a, b := numbers(4, 1, 2, 3), numbers(4, 7)
		for _, x := range []*task.Task{a, b} {
			x.Reserve(2)
			x.Inputs = append([]tensor.Tensor{{Shape: shape, Data: data}}, x.Inputs...)
		}
		if err := run(s, 0, clock.Never, whole(a), whole(b)); err != nil {
			t.Fatal(err)
		}
		for _, x := range []*task.Task{a, b} {
			for k := range x.Outputs {
				if in, out := x.Inputs[k], x.Outputs[k]; string(out.Data) != string(in.Data) || len(out.Shape) != 2 || out.Shape[0] != in.Shape[0] {
					t.Errorf("axis %d, %v: %v came back as %v", axis, kind, in, out)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	words := tensor.AppendBytes(tensor.AppendBytes(nil, "a"), "bc")
	for _, axis := range []int64{-1, 1} {
		f(axis, tensor.Uint8, []int64{1, 3}, []byte{1, 2, 3}, false)
		f(axis, tensor.Uint8, []int64{1, 3}, []byte{1, 2, 3}, true)
		f(axis, tensor.Bytes, []int64{1, 2}, words, false)
	}
}

// TestOptionalInputs: the child gets those that a request gives, and no others.
func TestOptionalInputs(t *testing.T) {
	d := start(t, "serve", func(o *Options) { o.FreeBytes = 128 })
	x := tensor.Spec{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 4}}
	y := tensor.Spec{Name: "y", Type: tensor.Bytes, Shape: []int64{-1}, Dynamic: true}
	s := open(t, d, "optional", &tensor.Schema{
		MaxBatch: 8, MaxRows: 8, Inputs: []tensor.Spec{x}, Outputs: []tensor.Spec{y},
		Optional: []tensor.Spec{{Name: "scale", Type: tensor.FP32, Shape: []int64{-1}}, {Name: "unit", Type: tensor.Bytes, Shape: []int64{-1}}},
	}, 1)
	scale := tensor.Tensor{Type: tensor.FP32, Shape: []int64{2}, Data: make([]byte, 8)}
	unit := tensor.Tensor{Type: tensor.Bytes, Shape: []int64{1}, Data: tensor.AppendBytes(nil, "mile")}
	f := func(want string, optional ...tensor.Tensor) {
		t.Helper()
		a := numbers(4, 1)
		a.Optional = optional
		if err := run(s, 0, clock.Never, whole(a)); err != nil {
			t.Fatal(err)
		}
		if got := string(a.Outputs[0].Data[4:]); got != want {
			t.Errorf("the child got %q, want %q", got, want)
		}
	}
	f("")
	f("scale FP32 [2] 8 bytes, unit BYTES [1] 8 bytes", scale, unit)
	f("unit BYTES [1] 8 bytes", tensor.Tensor{}, unit)
	f("scale FP32 [2] 8 bytes", scale, tensor.Tensor{})
	f("")
	a, b := numbers(4, 1), numbers(4, 2)
	a.Optional = []tensor.Tensor{scale, {}}
	if err := run(s, 0, clock.Never, whole(a), whole(b)); !fault.Is(err, fault.InferenceFailed) {
		t.Errorf("a request with an optional input shared a run: %v", err)
	}
	a.Optional[0] = tensor.Tensor{Type: tensor.FP32, Shape: []int64{33}, Data: make([]byte, 132)}
	if err := run(s, 0, clock.Never, whole(a)); !fault.Is(err, fault.ShapeTooLarge) {
		t.Errorf("an optional input that is too large ended with %v", err)
	}
}

// TestUnpaddedRun: a request alone runs at its own length if it asks for it.
func TestUnpaddedRun(t *testing.T) {
	d := start(t, "serve", nil)
	s := open(t, d, "identity", &tensor.Schema{
		MaxBatch: 4, MaxRows: 4,
		Inputs:  []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, -1}}},
		Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, -1}}},
		Padding: &tensor.Padding{InputAxis: []int{1}, OutputAxis: []int{1}, Buckets: []int{8}, Values: [][]byte{{0, 0, 0, 0}}},
	}, 1)
	for _, unpadded := range []bool{true, false} {
		a := numbers(3, 1, 2)
		a.Unpadded = unpadded
		if err := run(s, 0, clock.Never, whole(a)); err != nil {
			t.Fatal(err)
		}
		want := int64(8)
		if unpadded {
			want = 3
		}
		if got := s.lanes[0].inputs[0].dims[1]; got != want || string(a.Outputs[0].Data) != string(a.Inputs[0].Data) {
			t.Errorf("it ran at the length %d, want %d, and gave %v", got, want, a.Outputs[0])
		}
	}
}

// TestManyInputs: a model may have thousands, of free size too.
func TestManyInputs(t *testing.T) {
	d := start(t, "serve", nil)
	schema := &tensor.Schema{MaxBatch: 4, MaxRows: 4}
	for range maxInputs {
		schema.Inputs = append(schema.Inputs, tensor.Spec{Name: "x", Type: tensor.FP32, Shape: []int64{-1, -1}})
	}
	schema.Outputs = schema.Inputs[:1]
	s := open(t, d, "identity", schema, 1)
	a := numbers(4, 1, 2)
	for len(a.Inputs) < maxInputs {
		a.Inputs = append(a.Inputs, a.Inputs[0])
	}
	if err := run(s, 0, clock.Never, whole(a)); err != nil {
		t.Fatal(err)
	}
	if string(a.Outputs[0].Data) != string(a.Inputs[0].Data) {
		t.Errorf("it gave %v", a.Outputs[0])
	}
	refused := func(want string) {
		t.Helper()
		if _, err := d.Open(within(t), Spec{Path: "identity", Schema: schema}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ended with %v, want %q", err, want)
		}
	}
	schema.Inputs[7].Shape = []int64{-1, -1, 1, 1, 1, 1, 1, 1}
	for i := range schema.Inputs {
		schema.Inputs[i].Shape = schema.Inputs[7].Shape
	}
	refused("so many dimensions")
	schema.Inputs = append(schema.Inputs, schema.Inputs[0])
	refused("it has 4097 inputs and 1 outputs; 4096 and 64 are the most")
}
