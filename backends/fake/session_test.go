package fake

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// rowsTask has rows of four numbers, each base plus the row's number.
func rowsTask(rows int, base float32) *task.Task {
	t := task.Get()
	t.Rows, t.Wanted = rows, 1
	t.Reserve(1)
	var data []byte
	for i := range 4 * rows {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(base+float32(i/4)))
	}
	t.Inputs = append(t.Inputs[:0], tensor.Tensor{Shape: []int64{int64(rows), 4}, Data: data})
	return t
}

// open makes a session that the test's end closes.
func open(t *testing.T, o Options) *Session {
	s := New(o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func all(t *task.Task) task.Part { return task.Part{Task: t, From: 0, To: t.Rows} }

func numbers(data []byte) (v []float32) {
	for ; len(data) >= 4; data = data[4:] {
		v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(data)))
	}
	return v
}

func run(s *Session, lane int, limit clock.Instant, parts ...task.Part) error {
	if _, err := s.Run(lane, parts, limit); err != nil {
		return err
	}
	return s.Scatter(lane, parts)
}

// TestRowsGivenOnce: a request gives one row for all its rows, and gets one.
func TestRowsGivenOnce(t *testing.T) {
	for _, axis := range []int64{-1, 1} {
		spec := tensor.Spec{Name: "user", Type: tensor.FP32, Shape: []int64{axis, 4}, Once: true}
		schema := Echo(8)
		schema.Inputs, schema.Outputs = append(schema.Inputs, spec), append(schema.Outputs, spec)
		s := open(t, Options{Schema: schema})
		one := func(rows int, user float32) *task.Task {
			x := rowsTask(rows, 10)
			x.Wanted = 3
			x.Reserve(2)
			x.Inputs = append(x.Inputs, rowsTask(1, user).Inputs[0])
			return x
		}
		a, b := one(3, 5), one(2, 5)
		if err := run(s, 0, clock.Never, all(a), all(b)); err != nil {
			t.Fatal(err)
		}
		for _, x := range []*task.Task{a, b} {
			for k, out := range x.Outputs {
				if !slices.Equal(out.Data, x.Inputs[k].Data) || !slices.Equal(out.Shape, x.Inputs[k].Shape) {
					t.Errorf("axis %d: %v came back as %v %v", axis, numbers(x.Inputs[k].Data), out.Shape, numbers(out.Data))
				}
			}
		}
		if err := run(s, 0, clock.Never, all(one(1, 5)), all(one(1, 6))); (err == nil) != (axis == -1) {
			t.Errorf("axis %d: two users shared a run: %v", axis, err)
		}
	}
}

func TestRowsComeBack(t *testing.T) {
	s := open(t, Options{})
	a, b := rowsTask(3, 10), rowsTask(2, 20)
	if err := run(s, 0, clock.Never, task.Part{Task: a, From: 1, To: 3}, all(b)); err != nil {
		t.Fatal(err)
	}
	if err := run(s, 0, clock.Never, task.Part{Task: a, From: 0, To: 1}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*task.Task{a, b} {
		if out := x.Outputs[0]; !slices.Equal(out.Data, x.Inputs[0].Data) || !slices.Equal(out.Shape, x.Inputs[0].Shape) {
			t.Errorf("%v came back as %v", numbers(x.Inputs[0].Data), numbers(out.Data))
		}
	}
}

func TestSum(t *testing.T) {
	schema := Echo(8)
	schema.Outputs[0].Shape = []int64{-1, 1}
	s := open(t, Options{Schema: schema, Function: Sum})
	a, b := rowsTask(2, 1), rowsTask(1, 5)
	if err := run(s, 0, clock.Never, all(a), all(b)); err != nil {
		t.Fatal(err)
	}
	if got := append(numbers(a.Outputs[0].Data), numbers(b.Outputs[0].Data)...); !slices.Equal(got, []float32{4, 8, 20}) {
		t.Errorf("the sums are %v", got)
	}
}

func TestStringsAndWholeTensors(t *testing.T) {
	words := tensor.AppendBytes(tensor.AppendBytes(tensor.AppendBytes(nil, "a"), ""), "ccc")
	spec := tensor.Spec{Name: "w", Type: tensor.Bytes, Shape: []int64{-1}}
	f := func(maxBatch, rows int, parts func(*task.Task) []task.Part) {
		t.Helper()
		s := open(t, Options{Schema: &tensor.Schema{MaxBatch: maxBatch, Inputs: []tensor.Spec{spec}, Outputs: []tensor.Spec{spec}}})
		x := task.Get()
		x.Rows, x.Wanted = rows, 1
		x.Reserve(1)
		x.Inputs = append(x.Inputs[:0], tensor.Tensor{Shape: []int64{3}, Data: words})
		for _, p := range parts(x) {
			if err := run(s, 0, clock.Never, p); err != nil {
				t.Fatal(err)
			}
		}
		x.Join()
		if !slices.Equal(x.Outputs[0].Data, words) || !slices.Equal(x.Outputs[0].Shape, []int64{3}) {
			t.Errorf("the strings came back as %v %q", x.Outputs[0].Shape, x.Outputs[0].Data)
		}
	}
	f(8, 3, func(x *task.Task) []task.Part {
		return []task.Part{{Task: x, From: 2, To: 3}, {Task: x, From: 0, To: 2}}
	})
	f(0, 1, func(x *task.Task) []task.Part { return []task.Part{all(x)} })
}

func TestCost(t *testing.T) {
	curve := cost.Curve{{Rows: 1, P50: 2 * ms}, {Rows: 4, P50: 5 * ms}}
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{Curve: curve})
		f := func(rows int, want time.Duration) {
			t.Helper()
			start := time.Now()
			timing, err := s.Run(0, []task.Part{all(rowsTask(rows, 0))}, clock.Never)
			if took := time.Since(start); err != nil || took != want || timing.Done.Sub(timing.Gathered) != want {
				t.Errorf("%d rows took %v (%+v, %v), want %v", rows, took, timing, err, want)
			}
		}
		f(1, 2*ms)
		f(3, 4*ms)
		s.SetCurve(cost.Curve{{Rows: 1, P50: 7 * ms}})
		f(1, 7*ms)
		start := time.Now()
		if err := s.RunRaw(0, 1); err != nil || time.Since(start) != 7*ms {
			t.Errorf("a raw run took %v, %v", time.Since(start), err)
		}
	})
	s := open(t, Options{Curve: curve, Burn: true})
	if timing, err := s.Run(0, []task.Part{all(rowsTask(1, 0))}, clock.Never); err != nil || timing.Done.Sub(timing.Gathered) < 2*ms {
		t.Errorf("a burning run ended with %+v, %v", timing, err)
	}
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := func(o Options, limit time.Duration, kind fault.Kind, want time.Duration) {
			t.Helper()
			s := open(t, o)
			start := time.Now()
			err := run(s, 0, clock.Now().Add(limit), all(rowsTask(2, 1)))
			if took := time.Since(start); took != want || (kind == fault.None) != (err == nil) || err != nil && fault.Of(err).Kind != kind {
				t.Errorf("%+v: ended after %v with %v, want %v and kind %d", o.Faults, took, err, want, kind)
			}
		}
		curve := cost.Curve{{Rows: 1, P50: ms}, {Rows: 2, P50: 3 * ms}}
		f(Options{Curve: curve, Faults: &Faults{}}, time.Second, fault.None, 3*ms)
		f(Options{Curve: curve, Faults: &Faults{Errors: 1}}, time.Second, fault.InferenceFailed, 3*ms)
		f(Options{Curve: curve, Faults: &Faults{Hangs: 1}}, time.Second, fault.InferenceFailed, time.Second)
		f(Options{Curve: curve, Faults: &Faults{Delays: 1, Delay: ms}}, time.Second, fault.None, 4*ms)
		f(Options{Curve: curve, Faults: &Faults{Delays: 1, Delay: ms}}, 3*ms, fault.InferenceFailed, 3*ms)
		second := func(_ *task.Task, row int) bool { return row == 1 }
		f(Options{Curve: curve, Faults: &Faults{Rejects: second}}, time.Second, fault.ModelRejectedInput, 3*ms)
		never := func(*task.Task, int) bool { return false }
		f(Options{Curve: curve, Faults: &Faults{Rejects: never}}, time.Second, fault.None, 3*ms)
		failing := func(*tensor.Schema, []tensor.Tensor, []tensor.Tensor) error { return errors.New("x") }
		f(Options{Function: failing, Faults: &Faults{}}, time.Second, fault.Internal, 0)
	})
}

func TestFaultsRepeat(t *testing.T) {
	outcomes := func(seed uint64) (failed []bool) {
		s := open(t, Options{Faults: &Faults{Seed: seed, Errors: 0.5}})
		for range 64 {
			failed = append(failed, run(s, 0, clock.Never, all(rowsTask(1, 0))) != nil)
		}
		return failed
	}
	first := outcomes(1)
	if !slices.Equal(first, outcomes(1)) {
		t.Error("the same seed failed other runs")
	}
	if slices.Equal(first, outcomes(2)) || !slices.Contains(first, true) || !slices.Contains(first, false) {
		t.Error("failures do not follow the seed")
	}
}

func TestRefusedBatches(t *testing.T) {
	s := open(t, Options{Schema: Echo(2)})
	f := func(parts ...task.Part) {
		t.Helper()
		if err := run(s, 0, clock.Never, parts...); !fault.Is(err, fault.InferenceFailed) {
			t.Errorf("ended with %v", err)
		}
	}
	f(all(rowsTask(3, 0)))
	f()
	wide := rowsTask(1, 0)
	wide.Inputs[0].Shape = []int64{1, 3}
	f(all(rowsTask(1, 0)), all(wide))
}

func TestCloseEndsHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{Lanes: 2, Faults: &Faults{Hangs: 1}})
		var wg sync.WaitGroup
		var err error
		wg.Go(func() { err = run(s, 1, clock.Never, all(rowsTask(1, 0))) })
		synctest.Wait()
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		wg.Wait()
		if !fault.Is(err, fault.InferenceFailed) {
			t.Errorf("the hung run ended with %v", err)
		}
		if err := run(s, 0, clock.Never); !fault.Is(err, fault.ModelNotReady) {
			t.Errorf("a run after Close ended with %v", err)
		}
	})
}
