package rows

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// onceKinds are the forms that an input given once for all rows may have.
func onceKinds() map[string]func() *tensor.Schema {
	return map[string]func() *tensor.Schema{
		"fixed":   func() *tensor.Schema { return schemaOf(8, tensor.Uint16, -1, 3) },
		"free":    func() *tensor.Schema { return schemaOf(8, tensor.Uint8, -1, -1, 2) },
		"strings": func() *tensor.Schema { return schemaOf(8, tensor.Bytes, -1, 2) },
		"padded": func() *tensor.Schema {
			s := schemaOf(8, tensor.Uint16, -1, 2, -1)
			s.Padding = &tensor.Padding{InputAxis: []int{2}, OutputAxis: []int{2}, Buckets: []int{4}, Values: [][]byte{{9, 9}}}
			return s
		},
	}
}

// onceOf makes the first input and the first output once, with that axis 0.
func onceOf(s *tensor.Schema, axis int64) *tensor.Schema {
	for _, specs := range [][]tensor.Spec{s.Inputs, s.Outputs} {
		specs[0].Once = true
		specs[0].Shape = slices.Clone(specs[0].Shape)
		specs[0].Shape[0] = axis
	}
	return s
}

// drawRow draws one row of a spec's type: its shape without the batch, and its data.
func drawRow(rt *rapid.T, l *Layout, common int64) (row []int64, data []byte) {
	p := &l.In[0]
	row = slices.Clone(p.Row)
	for axis, d := range row {
		if d < 0 {
			row[axis] = common
			if p.padded == axis+1 {
				row[axis] = rapid.Int64Range(0, 6).Draw(rt, "length")
			}
		}
	}
	n, _ := tensor.Elements(row)
	for range n {
		if p.Spec.Type == tensor.Bytes {
			data = tensor.AppendBytes(data, rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(rt, "string"))
			continue
		}
		data = append(data, rapid.SliceOfN(rapid.Byte(), p.Spec.Type.Size(), p.Spec.Type.Size()).Draw(rt, "element")...)
	}
	return row, data
}

// TestOnceIsRepeating: a batch with rows given once holds the same as one whose requests repeat
// them, and an output that is once gives each request the row that it gave.
func TestOnceIsRepeating(t *testing.T) {
	for name, kind := range onceKinds() {
		once, repeated := layout(t, onceOf(kind(), -1), 8), layout(t, kind(), 8)
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				common := rapid.Int64Range(0, 6).Draw(rt, "size")
				var parts, same []task.Part
				for left := 8; left > 0 && len(parts) < 3; {
					rows := rapid.IntRange(1, left).Draw(rt, "rows")
					row, data := drawRow(rt, once, common)
					given := rapid.SampledFrom([]int{1, rows}).Draw(rt, "given")
					from := rapid.IntRange(0, rows-1).Draw(rt, "from")
					one := rowsTask(rows, append([]int64{int64(given)}, row...), bytes.Repeat(data, given))
					all := rowsTask(rows, append([]int64{int64(rows)}, row...), bytes.Repeat(data, rows))
					parts, same = append(parts, task.Part{Task: one, From: from, To: rows}), append(same, task.Part{Task: all, From: from, To: rows})
					left -= rows
				}
				row, data := mustGather(rt, once, parts)
				sameRow, want := mustGather(rt, repeated, same)
				if !slices.Equal(row, sameRow) || !bytes.Equal(data, want) {
					rt.Fatalf("gathered %v % x, want %v % x", row, data, sameRow, want)
				}
				if _, err := once.Scatter(0, row, data, parts, nil); err != nil {
					rt.Fatal(err)
				}
				wantOnce(rt, parts)
			})
		})
	}
}

// TestOneRowForTheBatch: where the file takes one row alone, the run has it once, whoever gave it.
func TestOneRowForTheBatch(t *testing.T) {
	for name, kind := range onceKinds() {
		l := layout(t, onceOf(kind(), 1), 8)
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				shape, data := drawRow(rt, l, rapid.Int64Range(0, 6).Draw(rt, "size"))
				var parts []task.Part
				for left := 8; left > 0 && len(parts) < 3; {
					rows := rapid.IntRange(1, left).Draw(rt, "rows")
					given := rapid.SampledFrom([]int{1, rows}).Draw(rt, "given")
					parts = append(parts, whole(rowsTask(rows, append([]int64{int64(given)}, shape...), bytes.Repeat(data, given))))
					left -= rows
				}
				row, got := mustGather(rt, l, parts)
				if l.In[0].padded == 0 && !bytes.Equal(got, data) {
					rt.Fatalf("gathered % x, want % x", got, data)
				}
				if dims := l.In[0].AppendShape(nil, 8, row); dims[0] != 1 {
					rt.Errorf("the run's tensor has the shape %v", dims)
				}
				if _, err := l.Scatter(0, row, got, parts, nil); err != nil {
					rt.Fatal(err)
				}
				wantOnce(rt, parts)
			})
		})
	}
}

func mustGather(rt *rapid.T, l *Layout, parts []task.Part) (row []int64, data []byte) {
	b, err := l.Measure(parts)
	if err == nil {
		row, data, err = gather(l, b, parts)
	}
	if err != nil {
		rt.Fatal(err)
	}
	return row, data
}

// wantOnce checks that each request whose first row took part has the row that it gave.
func wantOnce(rt *rapid.T, parts []task.Part) {
	for _, p := range parts {
		in, out := p.Task.Inputs[0], p.Task.Outputs[0]
		if p.From > 0 {
			if out.Shape != nil {
				rt.Errorf("a part from row %d on got %v", p.From, out)
			}
			continue
		}
		want := slices.Clone(in.Shape)
		want[0] = 1
		first := in.Data[:len(in.Data)/int(in.Shape[0])]
		if !slices.Equal(out.Shape, want) || !bytes.Equal(out.Data, first) {
			rt.Errorf("%v came back as %v", in, out)
		}
	}
}

func TestRowsThatCannotStandForAll(t *testing.T) {
	one := func(rows int, shape []int64, data ...byte) task.Part { return whole(rowsTask(rows, shape, data)) }
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
	alone := func() *tensor.Schema { return onceOf(schemaOf(8, tensor.Uint8, -1, 2), 1) }
	words := onceOf(schemaOf(8, tensor.Bytes, -1, 1), 1)
	padded := onceOf(onceKinds()["padded"](), 1)
	f("two requests", alone(), fault.InferenceFailed, one(1, []int64{1, 2}, 1, 2), one(1, []int64{1, 2}, 1, 3))
	f("own rows", alone(), fault.InvalidValue, one(2, []int64{2, 2}, 1, 2, 1, 3))
	f("short", alone(), fault.DataLengthMismatch, one(3, []int64{2, 2}, 1, 2, 1, 2))
	f("strings", words, fault.InferenceFailed, one(1, []int64{1, 1}, 1, 0, 0, 0, 'a'), one(1, []int64{1, 1}, 1, 0, 0, 0, 'b'))
	f("own strings", words, fault.InvalidValue, one(2, []int64{2, 1}, 1, 0, 0, 0, 'a', 1, 0, 0, 0, 'b'))
	f("lengths", padded, fault.InferenceFailed, one(1, []int64{1, 2, 1}, 1, 1, 1, 1), one(1, []int64{1, 2, 2}, 1, 1, 1, 1, 1, 1, 1, 1))
	f("short once", onceOf(schemaOf(8, tensor.Uint8, -1, 2), -1), fault.DataLengthMismatch, one(3, []int64{1, 2}, 1))
}

func TestOptionalInputsRunAlone(t *testing.T) {
	s := schemaOf(8, tensor.Uint8, -1, 2)
	s.Optional = []tensor.Spec{{Name: "scale", Type: tensor.FP32, Shape: []int64{1}}}
	l := layout(t, s, 0)
	giver, other := rowsTask(2, []int64{2, 2}, make([]byte, 4)), rowsTask(1, []int64{1, 2}, make([]byte, 2))
	giver.Optional = []tensor.Tensor{{Type: tensor.FP32, Shape: []int64{1}, Data: make([]byte, 4)}}
	if _, err := l.Measure([]task.Part{whole(giver)}); err != nil {
		t.Error(err)
	}
	if _, err := l.Measure([]task.Part{{Task: giver, From: 0, To: 1}, {Task: giver, From: 1, To: 2}}); err != nil {
		t.Error(err)
	}
	for _, parts := range [][]task.Part{{whole(giver), whole(other)}, {whole(other), whole(giver)}} {
		if _, err := l.Measure(parts); err == nil {
			t.Error("a request that gives an optional input shared a batch")
		}
	}
	giver.Optional = make([]tensor.Tensor, 2)
	if _, err := l.Measure([]task.Part{whole(giver)}); err == nil {
		t.Error("two optional inputs were taken for a model that has one")
	}
}

// TestUnpaddedTaskKeepsItsLength: alone it runs at its own length, in company at the bucket's.
func TestUnpaddedTaskKeepsItsLength(t *testing.T) {
	l := layout(t, onceKinds()["padded"](), 0)
	x, y := rowsTask(1, []int64{1, 2, 3}, make([]byte, 12)), rowsTask(1, []int64{1, 2, 1}, make([]byte, 4))
	x.Unpadded = true
	for _, c := range []struct {
		parts  []task.Part
		bucket int
	}{{[]task.Part{whole(x)}, 3}, {[]task.Part{whole(x), whole(y)}, 4}, {[]task.Part{whole(y)}, 4}} {
		if b, err := l.Measure(c.parts); err != nil || b.Bucket != c.bucket {
			t.Errorf("%d parts run at the length %d, %v; want %d", len(c.parts), b.Bucket, err, c.bucket)
		}
	}
}
