package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

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
