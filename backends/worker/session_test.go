package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func wantFault(tb testing.TB, err error, text string) {
	tb.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Text != text {
		tb.Errorf("ended with %v, want the text %q", err, text)
	}
}

func TestRowsComeBack(t *testing.T) {
	d := start(t, "serve", nil)
	s := open(t, d, "identity", fake.Echo(64), 2)
	if s.Lanes() != 2 || s.Schema().MaxBatch != 64 {
		t.Errorf("the session has %d lanes and the schema %+v", s.Lanes(), s.Schema())
	}
	for lane := range 2 {
		echoes(t, s, lane)
	}
	// Parts of a larger request, in any order.
	x := numbers(4, 1, 2, 3, 4, 5)
	for _, cut := range [][2]int{{3, 5}, {0, 1}, {1, 3}} {
		if err := run(s, 0, clock.Never, task.Part{Task: x, From: cut[0], To: cut[1]}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(x.Outputs[0].Data, x.Inputs[0].Data) {
		t.Errorf("the parts came back as %v", x.Outputs[0])
	}
	// A part whose caller has gone is skipped.
	y := numbers(4, 8)
	parts := []task.Part{whole(numbers(4, 7)), whole(y)}
	if _, err := s.Run(0, parts, clock.Never); err != nil {
		t.Fatal(err)
	}
	parts[0].Task = nil
	parts[0].To = 1
	if err := s.Scatter(0, parts); err != nil || !bytes.Equal(y.Outputs[0].Data, y.Inputs[0].Data) {
		t.Errorf("beside a part without a caller: %v, %v", y.Outputs[0], err)
	}
	if err := s.RunRaw(1, 64); err != nil {
		t.Error(err)
	}
	for _, n := range []int{0, 65} {
		if err := s.RunRaw(1, n); err == nil {
			t.Errorf("a batch of %d rows ran", n)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := run(s, 0, clock.Never, whole(x)); !fault.Is(err, fault.ModelNotReady) {
		t.Errorf("a run after Close ended with %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

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

func TestManyLanesAtOnce(t *testing.T) {
	f := func(serial bool, streams int) {
		t.Helper()
		d := start(t, "serve", func(o *Options) { o.Serial, o.Lanes = serial, streams })
		var sessions []*Session
		for range 3 {
			sessions = append(sessions, open(t, d, "identity", fake.Echo(16), 3))
		}
		var wg sync.WaitGroup
		errs := make(chan error, 9) // one a lane
		for _, s := range sessions {
			for lane := range s.Lanes() {
				wg.Go(func() { errs <- manyRuns(s, lane) })
			}
		}
		wg.Wait()
		for range 9 {
			if err := <-errs; err != nil {
				t.Errorf("serial %v: %v", serial, err)
			}
		}
		closeDevice(t, d)
	}
	f(true, 1)
	f(false, 3)
}

func manyRuns(s *Session, lane int) error {
	for i := range 200 {
		x := numbers(4, float32(i), float32(lane), float32(s.id))
		if err := run(s, lane, clock.Now().Add(20*time.Second), whole(x)); err != nil {
			return err
		}
		if !bytes.Equal(x.Outputs[0].Data, x.Inputs[0].Data) {
			return fmt.Errorf("lane %d of session %d got %v for %v", lane, s.id, x.Outputs[0].Data, x.Inputs[0].Data)
		}
		x.Release()
	}
	return nil
}

func TestFailuresOfRuns(t *testing.T) {
	d := start(t, "serve", nil)
	s := open(t, d, "identity", fake.Echo(8), 1)
	starts := d.Status().Starts
	err := run(s, 0, clock.Never, whole(numbers(4, poisonReject)))
	if failed, _ := task.DeviceFailed(err); failed || !fault.Is(err, fault.ModelRejectedInput) || !strings.Contains(err.Error(), "out of bounds") {
		t.Errorf("rejected values ended with %v", err)
	}
	err = run(s, 0, clock.Never, whole(numbers(4, poisonMemory)))
	if failed, sticky := task.DeviceFailed(err); !failed || sticky {
		t.Errorf("a device without memory ended with %v", err)
	}
	if err := s.Scatter(0, nil); !fault.Is(err, fault.Internal) {
		t.Errorf("scattering a failed run ended with %v", err)
	}
	for _, x := range []*task.Task{numbers(3, 1), numbers(4, make([]float32, 9)...)} {
		if err := run(s, 0, clock.Never, whole(x)); err == nil {
			t.Error("a batch that does not fit ran")
		}
	}
	if d.Status().Starts != starts {
		t.Error("a failed run ended the process")
	}
	echoes(t, s, 0)
	err = run(s, 0, clock.Never, whole(numbers(4, poisonSticky)))
	if failed, sticky := task.DeviceFailed(err); !failed || !sticky {
		t.Errorf("a lost device ended with %v", err)
	}
	restarted(t, d, starts)
	echoes(t, s, 0)
}

func TestRefusedModels(t *testing.T) {
	d := start(t, "serve", func(o *Options) { o.FreeBytes = 1 << 10 })
	f := func(want string, spec Spec) {
		t.Helper()
		if _, err := d.Open(within(t), spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ended with %v, want %q", err, want)
		}
	}
	f("no model", Spec{Path: "unknown", Schema: fake.Echo(4)})
	f("no inputs", Spec{Path: "identity", Schema: &tensor.Schema{}})
	f("lanes", Spec{Path: "identity", Schema: fake.Echo(4), Lanes: 1000})
	f("fixes the batch", Spec{Path: "identity", Schema: fake.Echo(4), FixedBatch: 2})
	huge := fake.Echo(4)
	huge.Inputs[0].Shape = []int64{-1, 1 << 38, 1 << 10}
	f("too large", Spec{Path: "identity", Schema: huge})
	huge = fake.Echo(4)
	huge.Padding = &tensor.Padding{}
	f("padding", Spec{Path: "identity", Schema: huge})
	if d.Status().Starts != 1 {
		t.Error("a refused model ended the process")
	}
	free := fake.Echo(64)
	free.Inputs[0].Shape, free.Outputs[0].Shape = []int64{-1, -1}, []int64{-1, -1}
	s := open(t, d, "identity", free, 1)
	if err := run(s, 0, clock.Never, whole(numbers(300, 1))); !fault.Is(err, fault.ShapeTooLarge) {
		t.Errorf("a batch of 1,200 bytes ended with %v", err)
	}
	if err := run(s, 0, clock.Never, whole(numbers(256, 1))); err != nil {
		t.Errorf("a batch of 1,024 bytes ended with %v", err)
	}
}

func TestLoadThatEndsTheProcess(t *testing.T) {
	d := start(t, "serve", nil)
	s := open(t, d, "identity", fake.Echo(8), 1)
	starts := d.Status().Starts
	if _, err := d.Open(within(t), Spec{Path: "crash", Schema: fake.Echo(8)}); !errors.Is(err, ErrDown) {
		t.Errorf("a crashing load ended with %v", err)
	}
	restarted(t, d, starts)
	echoes(t, s, 0)
}

func TestOpenIsAbandoned(t *testing.T) {
	d := start(t, "serve", nil)
	up(t, d)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Open(ctx, Spec{Path: "identity", Schema: fake.Echo(8)}); !errors.Is(err, context.Canceled) {
		t.Errorf("an abandoned load ended with %v", err)
	}
	d.opening.Wait()
	if n := len(d.sessions()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}
