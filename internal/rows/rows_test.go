package rows

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func schemaOf(maxBatch int, d tensor.DataType, shape ...int64) *tensor.Schema {
	spec := tensor.Spec{Name: "x", Type: d, Shape: shape}
	return &tensor.Schema{MaxBatch: maxBatch, MaxRows: maxBatch, Inputs: []tensor.Spec{spec}, Outputs: []tensor.Spec{spec}}
}

func layout(tb testing.TB, s *tensor.Schema, fixed int) *Layout {
	tb.Helper()
	var sizes []int
	if fixed > 0 {
		sizes = []int{fixed}
	}
	l, err := New(s, sizes)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func rowsTask(rows int, shape []int64, data []byte) *task.Task {
	t := task.Get()
	t.Rows, t.Wanted = rows, 1
	t.Reserve(1)
	t.Inputs = append(t.Inputs[:0], tensor.Tensor{Shape: shape, Data: data})
	return t
}

func whole(t *task.Task) task.Part { return task.Part{Task: t, From: 0, To: t.Rows} }

// gather copies the parts as a session would, and returns the row shape and the batch.
func gather(l *Layout, b Batch, parts []task.Part) (row []int64, data []byte, err error) {
	p := &l.In[0]
	if p.Spec.Type.Size() == 0 {
		data = make([]byte, 1<<12)
		row, n, err := p.CopyStrings(data, parts, b.Filled)
		return row, data[:n], err
	}
	if p.Fixed {
		data = make([]byte, p.TensorRows(b.Filled)*p.RowBytes)
		return slices.Clone(p.Row), data, p.Copy(data, parts, p.RowBytes, b.Filled)
	}
	row, rowBytes, err := l.Row(0, b, parts, nil)
	if err != nil {
		return nil, nil, err
	}
	data = make([]byte, p.TensorRows(b.Filled)*rowBytes)
	return row, data, l.Fill(data, 0, b, parts, row, rowBytes)
}

// TestScatterUndoesGather draws batches of every kind: rows come back to whom they belong.
func TestScatterUndoesGather(t *testing.T) {
	kinds := map[string]func() (*tensor.Schema, int){
		"fixed":       func() (*tensor.Schema, int) { return schemaOf(8, tensor.Uint16, -1, 3), 0 },
		"fixed batch": func() (*tensor.Schema, int) { return schemaOf(8, tensor.Uint16, -1, 3), 8 },
		"free":        func() (*tensor.Schema, int) { return schemaOf(8, tensor.Uint8, -1, -1, 2), 0 },
		"strings":     func() (*tensor.Schema, int) { return schemaOf(8, tensor.Bytes, -1, 2), 8 },
		"padded": func() (*tensor.Schema, int) {
			s := schemaOf(8, tensor.Uint16, -1, 2, -1)
			s.Padding = &tensor.Padding{InputAxis: []int{2}, OutputAxis: []int{2}, Buckets: []int{4}, Values: [][]byte{{9, 9}}}
			return s, 8
		},
	}
	for name, kind := range kinds {
		s, fixed := kind()
		l := layout(t, s, fixed)
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				parts := drawParts(rt, l)
				b, err := l.Measure(parts)
				if err != nil {
					rt.Fatal(err)
				}
				row, data, err := gather(l, b, parts)
				if err != nil {
					rt.Fatal(err)
				}
				if _, err = l.Scatter(0, row, data, parts, nil); err != nil {
					rt.Fatal(err)
				}
				for _, p := range parts {
					p.Task.Join()
					if in, out := p.Task.Inputs[0], p.Task.Outputs[0]; !bytes.Equal(in.Data, out.Data) || !slices.Equal(in.Shape, out.Shape) {
						rt.Errorf("%v came back as %v", in, out)
					}
				}
			})
		})
	}
}

func drawParts(rt *rapid.T, l *Layout) (parts []task.Part) {
	spec := l.In[0].Spec
	common := rapid.Int64Range(0, 6).Draw(rt, "size")
	for left := 8; left > 0 && len(parts) < 3; {
		rows := rapid.IntRange(1, left).Draw(rt, "rows")
		left -= rows
		shape := slices.Clone(spec.Shape)
		shape[0] = int64(rows)
		for axis, d := range shape {
			if d < 0 {
				shape[axis] = common
				if l.In[0].padded == axis {
					shape[axis] = rapid.Int64Range(0, 6).Draw(rt, "length")
				}
			}
		}
		n, _ := tensor.Elements(shape)
		var data []byte
		for i := range int(n) {
			if spec.Type == tensor.Bytes {
				data = tensor.AppendBytes(data, rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(rt, "string"))
				continue
			}
			data = append(data, bytes.Repeat([]byte{byte(i + rows)}, spec.Type.Size())...)
		}
		parts = append(parts, whole(rowsTask(rows, shape, data)))
	}
	return parts
}

func TestFilledAndPaddedRows(t *testing.T) {
	s := schemaOf(4, tensor.Uint8, -1, -1)
	s.Padding = &tensor.Padding{InputAxis: []int{1}, OutputAxis: []int{1}, Buckets: []int{4}, Values: [][]byte{{9}}}
	l := layout(t, s, 4)
	parts := []task.Part{whole(rowsTask(1, []int64{1, 3}, []byte{1, 2, 3})), whole(rowsTask(2, []int64{2, 1}, []byte{4, 5}))}
	b, err := l.Measure(parts)
	if err != nil {
		t.Fatal(err)
	}
	row, data, err := gather(l, b, parts)
	want := []byte{1, 2, 3, 9, 4, 9, 9, 9, 5, 9, 9, 9, 5, 9, 9, 9}
	if err != nil || !slices.Equal(row, []int64{4}) || !bytes.Equal(data, want) {
		t.Errorf("gathered %v %v, %v; want %v", row, data, err, want)
	}
	if got := l.BlankRow(0, nil); !slices.Equal(got, []int64{4}) {
		t.Errorf("a blank row has the shape %v", got)
	}
}

func TestRefusedBatches(t *testing.T) {
	f := func(name string, s *tensor.Schema, kind fault.Kind, parts ...task.Part) {
		t.Helper()
		l := layout(t, s, 0)
		b, err := l.Measure(parts)
		if err == nil {
			_, _, err = gather(l, b, parts)
		}
		if err == nil || fault.Of(AsFault(err)).Kind != kind {
			t.Errorf("%s: ended with %v, want %s", name, err, kind.Code())
		}
	}
	fixed, free, words := schemaOf(2, tensor.Uint8, -1, 2), schemaOf(2, tensor.Uint8, -1, -1), schemaOf(2, tensor.Bytes, -1, 1)
	f("no rows", fixed, fault.InferenceFailed)
	f("too many rows", fixed, fault.InferenceFailed, whole(rowsTask(3, []int64{3, 2}, make([]byte, 6))))
	f("short data", fixed, fault.DataLengthMismatch, whole(rowsTask(1, []int64{1, 2}, make([]byte, 1))))
	f("short free data", free, fault.DataLengthMismatch, whole(rowsTask(1, []int64{1, 1 << 30}, make([]byte, 1))))
	f("rank", free, fault.WrongShape, whole(rowsTask(1, []int64{1}, make([]byte, 1))))
	f("two shapes", free, fault.WrongShape, whole(rowsTask(1, []int64{1, 1}, make([]byte, 1))), whole(rowsTask(1, []int64{1, 2}, make([]byte, 2))))
	f("overflow", schemaOf(2, tensor.Uint8, -1, -1, -1), fault.ShapeTooLarge, whole(rowsTask(1, []int64{1, 1 << 40, 1 << 40}, nil)))
	f("few strings", words, fault.InvalidBytes, whole(rowsTask(2, []int64{2, 1}, tensor.AppendBytes(nil, "a"))))
	f("long strings", words, fault.ShapeTooLarge, whole(rowsTask(1, []int64{1, 1}, tensor.AppendBytes(nil, string(make([]byte, 1<<12))))))
	f("inputs", fixed, fault.InferenceFailed, whole(task.Get()))
	whole2 := schemaOf(0, tensor.Uint8, 2)
	one := func() task.Part { return whole(rowsTask(1, []int64{2}, make([]byte, 2))) }
	f("two requests", whole2, fault.InferenceFailed, one(), one())
	if _, err := New(schemaOf(1<<20, tensor.FP64, -1, 1<<30), nil); err == nil {
		t.Error("rows that are too large were laid out")
	}
	flat := schemaOf(2, tensor.Uint8)
	if _, err := New(flat, nil); err == nil {
		t.Error("a batch without an axis was laid out")
	}
	flat = schemaOf(2, tensor.Uint8, -1)
	flat.Outputs = []tensor.Spec{{Name: "y", Type: tensor.Uint8, Dynamic: true}}
	if l, err := New(flat, nil); err != nil || l.Out[0].Fixed {
		t.Errorf("an output of unknown rank is laid out as %+v, %v", l, err)
	}
}

func TestOutputsOfUnexpectedForm(t *testing.T) {
	f := func(s *tensor.Schema, row []int64, data []byte) {
		t.Helper()
		x := rowsTask(2, nil, nil)
		if _, err := layout(t, s, 0).Scatter(0, row, data, []task.Part{whole(x)}, nil); err == nil {
			t.Errorf("rows of shape %v in %d bytes were handed out", row, len(data))
		}
	}
	f(schemaOf(2, tensor.Uint8, -1, -1), []int64{3}, make([]byte, 5))
	f(schemaOf(2, tensor.Bytes, -1, 1), []int64{1}, tensor.AppendBytes(nil, "a"))
	s := schemaOf(2, tensor.Uint8, -1, -1)
	s.Padding = &tensor.Padding{InputAxis: []int{1}, OutputAxis: []int{1}, Values: [][]byte{{0}}}
	f(s, nil, make([]byte, 2))
	x := rowsTask(2, []int64{2, 5}, make([]byte, 10))
	if _, err := layout(t, s, 0).Scatter(0, []int64{4}, make([]byte, 8), []task.Part{whole(x)}, nil); err == nil {
		t.Error(fmt.Sprint("rows shorter than their input were handed out: ", x.Outputs))
	}
}
