package onnx

import (
	"bytes"
	"strings"
	"testing"

	"sluice/internal/onnxfile"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// simpleTask has rows of 16 numbers each: in row r, INPUT0 is base+r and INPUT1 is 1.
func simpleTask(s *Session, rows int, base int32) *task.Task {
	a, b := make([]int32, 16*rows), make([]int32, 16*rows)
	for i := range a {
		a[i], b[i] = base+int32(i/16), 1
	}
	shape := dims(int64(rows), 16)
	return newTask(s, rows, input(shape, a), input(shape, b))
}

func wantSimple(tb testing.TB, t *task.Task, base int32) {
	tb.Helper()
	sum, diff := make([]int32, 16*t.Rows), make([]int32, 16*t.Rows)
	for i := range sum {
		sum[i], diff[i] = base+int32(i/16)+1, base+int32(i/16)-1
	}
	wantOutput(tb, t, 0, dims(int64(t.Rows), 16), sum)
	wantOutput(tb, t, 1, dims(int64(t.Rows), 16), diff)
}

func TestBatchKeepsRowsApart(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{MaxBatch: 8}, nil)
	for range 3 { // memory and tensors are used again
		a, b, c := simpleTask(s, 1, 100), simpleTask(s, 3, 200), simpleTask(s, 4, 300)
		mustRun(t, s, whole(a), whole(b), whole(c))
		wantSimple(t, a, 100)
		wantSimple(t, b, 200)
		wantSimple(t, c, 300)
	}
}

func TestSplitTaskIsJoinedInOrder(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{MaxBatch: 4}, nil)
	a := simpleTask(s, 7, 10)
	mustRun(t, s, task.Part{Task: a, From: 4, To: 7})
	mustRun(t, s, task.Part{Task: a, From: 0, To: 4})
	wantSimple(t, a, 10)
}

func TestIdentityOfEachType(t *testing.T) {
	f := func(model string, values ...any) {
		t.Helper()
		s := openModel(t, model, onnxfile.Rules{}, nil)
		a := newTask(s, 2, input(dims(2, 2), values...))
		b := newTask(s, 1, input(dims(1, 2), values[:2]...))
		mustRun(t, s, whole(b), whole(a))
		wantOutput(t, a, 0, dims(2, 2), values...)
		wantOutput(t, b, 0, dims(1, 2), values[:2]...)
	}
	f("id_fp32", float32(1), float32(-2.5), float32(3), float32(4))
	f("id_fp64", 1.0, -2.5, 3.0, 4.0)
	f("id_fp16", uint16(0x3c00), uint16(0xc100), uint16(1), uint16(2))
	f("id_fp16_dynamic", uint16(0x3c00), uint16(0xc100), uint16(1), uint16(2))
	f("id_bf16", uint16(0x3f80), uint16(0xc020), uint16(1), uint16(2))
	f("id_bool", true, false, false, true)
	f("id_uint64", uint64(1<<63), uint64(2), uint64(3), uint64(4))
	f("id_int8", int8(-128), int8(2), int8(3), int8(127))
	f("id_bytes", "", "ä", "a longer string than fits a small buffer", "x")
}

func TestVectorRows(t *testing.T) {
	s := openModel(t, "raw1", onnxfile.Rules{}, nil)
	a := newTask(s, 3, input(dims(3), float32(1), float32(2), float32(3)))
	mustRun(t, s, whole(a))
	wantOutput(t, a, 0, dims(3), float32(1), float32(2), float32(3))
}

func TestOutputShapeUnknownToTheFile(t *testing.T) {
	s := openModel(t, "dynamic_output", onnxfile.Rules{}, nil)
	f := func(base float32) {
		t.Helper()
		a := newTask(s, 1, input(dims(1, 3), base, base+1, base+2))
		b := newTask(s, 2, input(dims(2, 3), base, base, base, base+5, base+5, base+5))
		mustRun(t, s, whole(a), whole(b))
		wantOutput(t, a, 0, dims(1, 6), base, base+1, base+2, base, base+1, base+2)
		wantOutput(t, b, 0, dims(2, 6), base, base, base, base, base, base, base+5, base+5, base+5, base+5, base+5, base+5)
	}
	f(1)
	f(50)
	u := openModel(t, "unshaped", onnxfile.Rules{}, nil)
	a := newTask(u, 2, input(dims(2, 4), [8]float32{}))
	mustRun(t, u, whole(a))
	wantOutput(t, a, 0, dims(2, 4), [8]float32{.25, .25, .25, .25, .25, .25, .25, .25})
}

func TestFixedBatchIsFilled(t *testing.T) {
	s := openModel(t, "fixed4", onnxfile.Rules{}, nil)
	if s.schema.MaxBatch != 4 {
		t.Fatalf("MaxBatch is %d", s.schema.MaxBatch)
	}
	a := newTask(s, 1, input(dims(1, 3), [3]float32{1, 2, 3}))
	b := newTask(s, 2, input(dims(2, 3), [6]float32{4, 5, 6, 7, 8, 9}))
	mustRun(t, s, whole(a), whole(b))
	wantOutput(t, a, 0, dims(1, 3), [3]float32{2, 4, 6})
	wantOutput(t, b, 0, dims(2, 3), [6]float32{8, 10, 12, 14, 16, 18})
	wantOutput(t, b, 1, dims(2, 1), [2]int64{1, 2})
	// The filling repeats the last real row: zeros could lead a model astray.
	memory := s.lanes[0].in[0].memory.bytes
	if last, filled := memory[2*12:3*12], memory[3*12:4*12]; !bytes.Equal(last, filled) {
		t.Errorf("the batch is filled with % x, not with the last row % x", filled, last)
	}
}

func TestFixedBatchLargerThanTheSchemaAllows(t *testing.T) {
	s := openModel(t, "fixed4", onnxfile.Rules{}, func(o *Options) { o.Schema.MaxBatch = 2 })
	a := newTask(s, 2, input(dims(2, 3), [6]float32{1, 2, 3, 4, 5, 6}))
	mustRun(t, s, whole(a))
	wantOutput(t, a, 0, dims(2, 3), [6]float32{2, 4, 6, 8, 10, 12})
	w := openModel(t, "fixed4", onnxfile.Rules{Whole: true}, func(o *Options) { o.FixedBatch = 4 })
	b := newTask(w, 1, input(dims(4, 3), [12]float32{1}))
	mustRun(t, w, whole(b))
	wantOutput(t, b, 0, dims(4, 3), [12]float32{2})
}

func TestWholeTensors(t *testing.T) {
	s := openModel(t, "nonzero", onnxfile.Rules{Whole: true}, nil)
	f := func(x []float32, found ...int64) {
		t.Helper()
		a := newTask(s, 1, input(dims(int64(len(x))), x))
		mustRun(t, s, whole(a))
		wantOutput(t, a, 0, dims(1, int64(len(found))), found)
	}
	f([]float32{0, 2, 0, 3}, 1, 3)
	f([]float32{1}, 0)
	f([]float32{0, 0})
	sc := openModel(t, "scalar", onnxfile.Rules{}, nil)
	a := newTask(sc, 1, input(dims(2), float32(3), float32(4)), input(dims(), float32(10)))
	mustRun(t, sc, whole(a))
	wantOutput(t, a, 0, dims(), float32(70))
}

func TestPaddedRows(t *testing.T) {
	s := openModel(t, "padded", onnxfile.Rules{}, func(o *Options) {
		o.Schema.Padding = &tensor.Padding{
			InputAxis: []int{1, 1}, OutputAxis: []int{-1, 1}, Buckets: []int{4, 8},
			Values: [][]byte{encode(int64(99)), encode(int64(0))},
		}
	})
	ones := func(n int) []int64 {
		all := make([]int64, n)
		for i := range all {
			all[i] = 1
		}
		return all
	}
	a := newTask(s, 1, input(dims(1, 3), []int64{1, 2, 3}), input(dims(1, 3), ones(3)))
	b := newTask(s, 2, input(dims(2, 6), []int64{1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60}), input(dims(2, 6), ones(12)))
	mustRun(t, s, whole(a), whole(b))
	wantOutput(t, a, 0, dims(1, 1), int64(6))
	wantOutput(t, a, 1, dims(1, 3), []int64{2, 4, 6})
	wantOutput(t, b, 0, dims(2, 1), int64(21), int64(210))
	wantOutput(t, b, 1, dims(2, 6), []int64{2, 4, 6, 8, 10, 12, 20, 40, 60, 80, 100, 120})
	if got := s.lanes[0].in[0].dims; got[1] != 8 {
		t.Errorf("rows of 3 and 6 were padded to %d, want the bucket of 8", got[1])
	}
	c := newTask(s, 1, input(dims(1, 9), ones(9)), input(dims(1, 9), ones(9)))
	mustRun(t, s, whole(c)) // longer than every bucket
	wantOutput(t, c, 0, dims(1, 1), int64(9))
}

func TestStringsOfFreeShape(t *testing.T) {
	s := openModel(t, "lower", onnxfile.Rules{}, nil)
	a := newTask(s, 2, input(dims(2, 2), "a", "", "ccc", "d"))
	b := newTask(s, 1, input(dims(1, 2), "x", "y"))
	mustRun(t, s, task.Part{Task: a, From: 1, To: 2}, whole(b))
	mustRun(t, s, task.Part{Task: a, From: 0, To: 1})
	wantOutput(t, a, 0, dims(2, 4), "a", "", "a", "", "ccc", "d", "ccc", "d")
	wantOutput(t, b, 0, dims(1, 4), "x", "y", "x", "y")
}

// A lane gives back what large strings took, and runs on.
func TestLargeStringsAreNotKept(t *testing.T) {
	s := openModel(t, "lower", onnxfile.Rules{}, nil)
	l := &s.lanes[0]
	held := func() int {
		return len(l.in[0].memory.bytes) + len(l.in[0].table.bytes) + len(l.out[0].memory.bytes) + len(l.out[0].table.bytes) + cap(l.out[0].text)
	}
	small := newTask(s, 1, input(dims(1, 2), "x", "y"))
	mustRun(t, s, whole(small))
	if held() == 0 {
		t.Error("memory for small strings is not kept")
	}
	long := strings.Repeat("a", 3<<20)
	large := newTask(s, 1, input(dims(1, 2), long, "b"))
	mustRun(t, s, whole(large))
	wantOutput(t, large, 0, dims(1, 4), long, "b", long, "b")
	if n := held(); n > 0 {
		t.Errorf("%d bytes are kept", n)
	}
	if err := s.Scatter(0, []task.Part{whole(large)}); err == nil {
		t.Error("a result that is given back is handed out again")
	}
	again := newTask(s, 1, input(dims(1, 2), "x", "y"))
	mustRun(t, s, whole(again))
	wantOutput(t, again, 0, dims(1, 4), "x", "y", "x", "y")
	if err := s.RunRaw(0, 1); err != nil {
		t.Error(err)
	}
}

func TestSequencesOfMaps(t *testing.T) {
	f := func(model string) {
		t.Helper()
		s := openModel(t, model, onnxfile.Rules{}, nil)
		a := newTask(s, 1, input(dims(1, 3), float32(1), float32(2), float32(3)))
		b := newTask(s, 2, input(dims(2, 3), float32(4), float32(5), float32(6), float32(7), float32(8), float32(9)))
		mustRun(t, s, whole(a), whole(b))
		wantOutput(t, a, 1, dims(1, 3), float32(1), float32(2), float32(3))
		wantOutput(t, b, 1, dims(2, 3), float32(4), float32(5), float32(6), float32(7), float32(8), float32(9))
	}
	f("zipmap_strings")
	f("zipmap_int64s")
	s := openModel(t, "zipmap_strings", onnxfile.Rules{}, func(o *Options) {
		o.Schema.Outputs[1].Labels = nil // then columns are in the order of the keys: ant, bee, cat
		o.Schema.Outputs[1].Shape = dims(-1, -1)
	})
	a := newTask(s, 1, input(dims(1, 3), float32(1), float32(2), float32(3)))
	mustRun(t, s, whole(a))
	wantOutput(t, a, 1, dims(1, 3), float32(2), float32(3), float32(1))
}

func TestExternalData(t *testing.T) {
	s := openModel(t, "external", onnxfile.Rules{}, nil)
	a := newTask(s, 1, input(dims(1, 8), [8]float32{1, 2, 3}))
	mustRun(t, s, whole(a))
	wantOutput(t, a, 0, dims(1, 8), [8]float32{3, 6, 9})
}
