package worker

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// TestAgreesWithAFakeSession runs the same batches here and in the process.
func TestAgreesWithAFakeSession(t *testing.T) {
	d := start(t, "serve", nil)
	free := &tensor.Schema{
		MaxBatch: 8, MaxRows: 64,
		Inputs: []tensor.Spec{
			{Name: "a", Type: tensor.FP32, Shape: []int64{-1, -1}},
			{Name: "b", Type: tensor.Bytes, Shape: []int64{-1, 2}},
			{Name: "c", Type: tensor.Int64, Shape: []int64{-1, 3}},
		},
		Outputs: []tensor.Spec{
			{Name: "a2", Type: tensor.FP32, Shape: []int64{-1, -1}},
			{Name: "b2", Type: tensor.Bytes, Shape: []int64{-1, 2}},
			{Name: "c2", Type: tensor.Int64, Shape: []int64{-1, 3}},
		},
	}
	there := open(t, d, "identity", free, 1)
	here := fake.New(fake.Options{Schema: free})
	rapid.Check(t, func(rt *rapid.T) {
		width := rapid.IntRange(0, 5).Draw(rt, "width")
		var parts, same []task.Part
		for left := 8; left > 0 && len(parts) < 3; {
			rows := rapid.IntRange(1, left).Draw(rt, "rows")
			left -= rows
			x := task.Get()
			x.Rows, x.Wanted = rows, rapid.Uint64Range(1, 7).Draw(rt, "wanted")
			x.Reserve(3)
			a := rapid.SliceOfN(rapid.Byte(), 4*rows*width, 4*rows*width).Draw(rt, "a")
			var b []byte
			for range 2 * rows {
				b = tensor.AppendBytes(b, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(rt, "b"))
			}
			c := rapid.SliceOfN(rapid.Byte(), 24*rows, 24*rows).Draw(rt, "c")
			n := int64(rows)
			x.Inputs = append(x.Inputs[:0], tensor.Tensor{Shape: []int64{n, int64(width)}, Data: a}, tensor.Tensor{Shape: []int64{n, 2}, Data: b}, tensor.Tensor{Shape: []int64{n, 3}, Data: c})
			y := task.Get()
			y.Rows, y.Wanted = x.Rows, x.Wanted
			y.Reserve(3)
			y.Inputs = append(y.Inputs[:0], x.Inputs...)
			parts, same = append(parts, whole(x)), append(same, whole(y))
		}
		if err := run(there, 0, clock.Never, parts...); err != nil {
			rt.Fatal(err)
		}
		if _, err := here.Run(0, same, clock.Never); err != nil {
			rt.Fatal(err)
		}
		if err := here.Scatter(0, same); err != nil {
			rt.Fatal(err)
		}
		for i := range parts {
			same[i].Task.Join()
			for k := range free.Outputs {
				got, want := parts[i].Task.Outputs[k], same[i].Task.Outputs[k]
				if !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
					rt.Errorf("part %d, output %d: %v, want %v", i, k, got, want)
				}
			}
		}
	})
}

func TestOutputsOfUnknownSizeAndUnbatchedModels(t *testing.T) {
	d := start(t, "serve", nil)
	spec := tensor.Spec{Name: "w", Type: tensor.Bytes, Shape: []int64{-1, -1}}
	f := func(maxBatch, lanes int) {
		t.Helper()
		s := open(t, d, "words", &tensor.Schema{MaxBatch: maxBatch, Inputs: []tensor.Spec{spec}, Outputs: []tensor.Spec{spec}}, lanes)
		x := task.Get()
		x.Rows, x.Wanted = 1, 1
		if maxBatch > 0 {
			x.Rows = 2
		}
		x.Reserve(1)
		data := tensor.AppendBytes(tensor.AppendBytes(tensor.AppendBytes(tensor.AppendBytes(nil, "a"), "bc"), ""), "d")
		x.Inputs = append(x.Inputs[:0], tensor.Tensor{Shape: []int64{2, 2}, Data: data})
		if err := run(s, lanes-1, clock.Never, whole(x)); err != nil {
			t.Fatal(err)
		}
		want := tensor.AppendBytes(tensor.AppendBytes(tensor.AppendBytes(tensor.AppendBytes(nil, "abc"), "abc"), "d"), "d")
		if !bytes.Equal(x.Outputs[0].Data, want) || !slices.Equal(x.Outputs[0].Shape, []int64{2, 2}) {
			t.Errorf("came back as %v %q", x.Outputs[0].Shape, x.Outputs[0].Data)
		}
	}
	f(8, 1)
	f(0, 3)
}

func TestFixedBatchAndPadding(t *testing.T) {
	d := start(t, "serve", nil)
	schema := &tensor.Schema{
		MaxBatch: 4, MaxRows: 4,
		Inputs:  []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, -1}}},
		Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, -1}}},
		Padding: &tensor.Padding{InputAxis: []int{1}, OutputAxis: []int{1}, Buckets: []int{8}, Values: [][]byte{{0, 0, 0, 0}}},
	}
	s, err := d.Open(within(t), Spec{Path: "identity", Schema: schema, FixedBatch: 4})
	if err != nil {
		t.Fatal(err)
	}
	a, b := numbers(3, 1, 2), numbers(5, 6)
	if err := run(s, 0, clock.Never, whole(a), whole(b)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*task.Task{a, b} {
		if !bytes.Equal(x.Outputs[0].Data, x.Inputs[0].Data) {
			t.Errorf("%v came back as %v", x.Inputs[0], x.Outputs[0])
		}
	}
	// What the process saw: the padded rows, and the last one again.
	memory := s.places.in[0].of(s.lanes[0].slab.bytes)
	if row := memory[2*32 : 3*32]; !bytes.Equal(row, memory[3*32:4*32]) || !bytes.Equal(row[20:], make([]byte, 12)) {
		t.Errorf("the batch is filled with % x", memory[:4*32])
	}
}
