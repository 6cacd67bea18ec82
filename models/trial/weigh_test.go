package trial

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	complaints "sluice/internal/complaint"
	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/inputs"
)

// heavySession takes memory for each run, and gives it back when it is closed, as ONNX Runtime does.
type heavySession struct {
	wholeSession
	t    *testing.T
	held []byte
}

// take holds n bytes, unless it has held more before.
func (s *heavySession) take(n int64) {
	if n <= int64(len(s.held)) {
		return
	}
	s.give()
	var err error
	if s.held, err = syscall.Mmap(-1, 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE); err != nil {
		s.t.Errorf("cannot map %d bytes: %v", n, err)
	}
}

func (s *heavySession) give() {
	if s.held != nil {
		syscall.Munmap(s.held) //nolint:errcheck // the test's own mapping
		s.held = nil
	}
}

func (s *heavySession) Close() error {
	s.give()
	return nil
}

// weighOf weighs a model whose runs take so many bytes for the shape of its input, or an error.
func weighOf(t *testing.T, g *bundle.Graph, bytes func(shape []int64) (int64, error)) *bundle.Observation {
	t.Helper()
	o := &bundle.Observation{}
	w := newWeigher(g, inputs.Profiles()[0], 1<<30, func(w bundle.Weighing) {
		if err := o.Merge(w); err != nil {
			t.Error(err)
		}
	})
	w.run, w.limit = time.Hour, time.Hour // however busy the machine is
	err := w.weigh(context.Background(), func(context.Context) (bundle.Session, error) {
		s := &heavySession{t: t}
		s.schema = w.schema
		s.answer = func(in []tensor.Tensor) ([][]int64, error) {
			n, err := bytes(in[0].Shape)
			if err != nil {
				return nil, err
			}
			s.take(n)
			return [][]int64{{in[0].Shape[0], 4}}, nil
		}
		return s, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

var errNoMemory = fault.Wrap(fault.InferenceFailed, &complaints.Error{Kind: complaints.Memory}, "the model ran out of memory")

// TestWeigh holds that the memory of rows is seen as it is, and how it goes on.
func TestWeigh(t *testing.T) {
	if memory.Own("VmRSS") == 0 {
		t.Skip("the system does not tell what is resident")
	}
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.1*want+2*bundle.Noise {
			t.Errorf("%s: %.0f bytes, want about %.0f", name, got, want)
		}
	}
	up := func(most int64, f func(shape []int64) int64) func([]int64) (int64, error) {
		return func(shape []int64) (int64, error) {
			for _, d := range shape {
				if d > most {
					return 0, errShape
				}
			}
			return f(shape), nil
		}
	}
	o := weighOf(t, rowsOfTokens("seq"), up(1<<20, func(shape []int64) int64 { return 48 * shape[1] * shape[1] }))
	sc := o.Scale()
	near("square without an end, at 8192", sc.Joint.At(8192), 3<<30)
	if last := o.Weighed[len(o.Weighed)-1]; last.Length != 2048 || last.Unfinished {
		t.Errorf("the longest row that was weighed took %d MiB: %+v", last.Bytes>>20, last)
	}

	o = weighOf(t, rowsOfTokens("seq"), up(512, func(shape []int64) int64 { return 64 * shape[1] * shape[1] }))
	sc = o.Scale()
	near("square, at 1024", sc.Joint.At(1024), 64<<20)
	near("square, at 8192", sc.Joint.At(8192), 4<<30)
	if last := o.Weighed[len(o.Weighed)-1]; last.Length != 1024 || last.Bytes != -1 || last.Unfinished || sc.Cap != math.MaxInt64 {
		t.Errorf("a row that the model does not take: %+v, cap %d", last, sc.Cap)
	}

	o = weighOf(t, rowsOfTokens("seq"), func(shape []int64) (int64, error) {
		if shape[1] > 128 {
			return 0, errNoMemory
		}
		return 0, nil
	})
	if sc = o.Scale(); sc.Cap != 128 {
		t.Errorf("rows of 256 run out of memory, and the cap is %d", sc.Cap)
	}

	two := rowsOfTokens("a")
	two.Schema.Inputs[0].Type = tensor.Uint8 // what requests hold counts too
	two.Schema.Inputs[0].Shape, two.InputAxes[0] = []int64{-1, -1, -1}, []string{"n", "a", "b"}
	o = weighOf(t, two, up(2048, func(shape []int64) int64 { return 16*shape[1]*shape[1] + 16*shape[1]*shape[2] }))
	sc = o.Scale()
	own, _ := sc.Own("a", 2)
	near("own, at 2048", own.At(2048), 16*2048*2048)
	near("own, at 8192", own.At(8192), 16*8192*8192)
	other, _ := sc.Own("b", 2)
	near("the other's, at 2048", other.At(2048), 0)
	near("both, at 1024 times 1024", sc.Joint.At(1024*1024), 32*1024*1024)
}

// Of a model that takes no row that is made up, rows are made of a golden one.
func TestWeighFromAGoldenRow(t *testing.T) {
	if memory.Own("VmRSS") == 0 {
		t.Skip("the system does not tell what is resident")
	}
	g := rowsOfTokens("seq", "seq")
	golden := &inputs.Request{Rows: 2}
	for _, spec := range g.Schema.Inputs {
		data := make([]byte, 2*5*8)
		for i := range 2 * 5 {
			data[8*i] = 77
		}
		golden.Inputs = append(golden.Inputs, tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: []int64{2, 5}, Data: data})
	}
	o := &bundle.Observation{}
	w := newWeigher(g, inputs.Profile{}, 1<<30, func(w bundle.Weighing) {
		if err := o.Merge(w); err != nil {
			t.Error(err)
		}
	})
	w.run, w.limit = time.Hour, time.Hour
	if w.from(nil) || !w.from(golden) {
		t.Fatal("rows are made of none, or not of a golden one")
	}
	err := w.weigh(context.Background(), func(context.Context) (bundle.Session, error) {
		s := &heavySession{t: t}
		s.schema = w.schema
		s.answer = func(in []tensor.Tensor) ([][]int64, error) {
			n := in[0].Shape[1]
			if last := len(in[1].Data) - 8; in[1].Shape[1] != n || in[1].Shape[0] != 1 || len(in[0].Data) != int(8*n) || in[1].Data[last] != 77 {
				return nil, errShape
			}
			s.take(64 * n * n)
			return [][]int64{{1, 4}}, nil
		}
		return s, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sc := o.Scale()
	if first := o.Weighed[0]; first.Length != 5 || first.Bytes < 0 {
		t.Errorf("the first row is %+v", first)
	}
	if got := sc.Joint.At(4096); !sc.Known || math.Abs(got-1<<30) > 0.1*(1<<30) {
		t.Errorf("a row of 4096 takes %.0f bytes", got)
	}
}

// TestWeighingIsBounded holds what is believed of a trial process.
func TestWeighingIsBounded(t *testing.T) {
	o := &bundle.Observation{}
	for _, w := range []bundle.Weighing{{Axes: 1}, {Axes: 0, Length: 1}, {Axes: 1, Length: 1 << 40}, {Axes: 1, Length: 1, Bytes: math.MaxInt64}, {Axes: 1, Length: 1, Bytes: math.MinInt64}} {
		if err := o.Merge(w); err == nil {
			t.Errorf("%+v is believed", w)
		}
	}
	var err error
	for n := int64(1); n <= bundle.MaxWeighed+1 && err == nil; n++ {
		err = o.Merge(bundle.Weighing{Axes: 1, Length: n})
	}
	if err == nil || len(o.Weighed) != bundle.MaxWeighed {
		t.Errorf("%d rows are believed: %v", len(o.Weighed), err)
	}
	if o.Merge(bundle.Weighing{Axes: 1, Length: 7, Bytes: 9}) == nil {
		t.Error("the bound is gone")
	}
}

// rowsOfTokens is a model of rows of tokens with a mask, which rows of up to 1024 tokens were weighed of.
func rowsOfTokens(names ...string) *bundle.Graph {
	g := &bundle.Graph{Schema: tensor.Schema{MaxBatch: 64, MaxRows: 1024, Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 4}}}}}
	for i, name := range names {
		g.Schema.Inputs = append(g.Schema.Inputs, tensor.Spec{Name: fmt.Sprint("in", i), Type: tensor.Int64, Shape: []int64{-1, -1}})
		g.InputAxes = append(g.InputAxes, []string{"n", name})
	}
	return g
}
