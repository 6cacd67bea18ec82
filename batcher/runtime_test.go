package batcher

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rowSpec = tensor.Spec{Name: "y", Type: tensor.Uint64, Shape: []int64{-1}}

// echo is a runner whose output is its input, one uint64 a row, plus one.
type echo struct {
	cost    time.Duration // of a run
	fail    func(rows []uint64) error
	extra   uint64 // added to each output on top
	mu      sync.Mutex
	batches []int // rows of each run
	out     [8][]byte
}

func (e *echo) Run(lane int, parts []task.Part, limit clock.Instant) (task.Timing, error) {
	var rows []uint64
	e.out[lane] = e.out[lane][:0]
	for _, p := range parts {
		for r := p.From; r < p.To; r++ {
			v := binary.LittleEndian.Uint64(p.Task.Inputs[0].Data[8*r:])
			rows = append(rows, v)
			e.out[lane] = binary.LittleEndian.AppendUint64(e.out[lane], v+1+e.extra)
		}
	}
	e.mu.Lock()
	e.batches = append(e.batches, len(rows))
	e.mu.Unlock()
	at := clock.Now()
	if e.cost > 0 {
		time.Sleep(min(e.cost, limit.Sub(at)))
	}
	if clock.Now() >= limit {
		return task.Timing{}, fault.New(fault.InferenceFailed, "cut short")
	}
	if e.fail != nil {
		if err := e.fail(rows); err != nil {
			return task.Timing{}, err
		}
	}
	return task.Timing{Gathered: at, Done: clock.Now()}, nil
}

func (e *echo) Scatter(lane int, parts []task.Part) error {
	at := 0
	for _, p := range parts {
		if p.Task != nil {
			if err := p.Task.SetRows(0, &rowSpec, nil, p.From, p.To, e.out[lane][at:at+8*p.Rows()]); err != nil {
				return err
			}
		}
		at += 8 * p.Rows()
	}
	return nil
}

func (e *echo) seen() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]int(nil), e.batches...)
}

// newTask makes a task whose rows count up from first. It never goes back to the pool: its
// channel belongs to the test's bubble.
func newTask(first uint64, rows int, budget time.Duration) *task.Task {
	t := task.Get()
	t.Retain()
	t.Wait = make(chan struct{}, 1)
	t.Rows, t.Wanted = rows, 1
	data := t.Arena.Alloc(8 * rows)
	for i := range rows {
		binary.LittleEndian.PutUint64(data[8*i:], first+uint64(i))
	}
	t.Inputs = append(t.Inputs, tensor.Tensor{Type: tensor.Uint64, Shape: []int64{int64(rows)}, Data: data})
	t.Arrived = clock.Now()
	t.Deadline = t.Arrived.Add(budget)
	t.Priority = task.Normal
	return t
}

// checkRows wants each row back, plus one, in order.
func checkRows(t *testing.T, tk *task.Task, first uint64) {
	t.Helper()
	out := tk.Outputs[0].Data
	if len(out) != 8*tk.Rows {
		t.Fatalf("%d bytes for %d rows", len(out), tk.Rows)
	}
	for i := range tk.Rows {
		if v := binary.LittleEndian.Uint64(out[8*i:]); v != first+uint64(i)+1 {
			t.Fatalf("row %d of the request from %d came back as %d", i, first, v)
		}
	}
}

func start(t *testing.T, e *echo, lanes, maxBatch int) (*Batcher, *Model) {
	t.Helper()
	return startWith(t, Options{}, e, lanes, maxBatch)
}

func startWith(t *testing.T, opt Options, e *echo, lanes, maxBatch int) (*Batcher, *Model) {
	t.Helper()
	opt.Devices = []policy.DeviceOptions{{Name: "cpu", Lanes: lanes}}
	b, err := Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	curve := cost.Curve{{Rows: 1, P50: max(e.cost, time.Microsecond)}, {Rows: maxBatch, P50: max(e.cost, time.Microsecond)}}
	m, err := b.Add(Spec{Name: "echo", MaxBatch: maxBatch, Outputs: 1, Budget: time.Second, Placements: []Placement{{Device: "cpu", Runner: e, Curve: curve}}})
	if err != nil {
		t.Fatal(err)
	}
	return b, m
}

func TestSplitRequestComesBackInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: time.Millisecond}
		b, m := start(t, e, 2, 8)
		defer b.Close()
		tk := newTask(100, 500, 5*time.Second)
		defer tk.Release()
		if err := m.Predict(tk); err != nil {
			t.Fatal(err)
		}
		checkRows(t, tk, 100)
		for _, n := range e.seen() {
			if n > 8 {
				t.Errorf("a run had %d rows, the limit is 8", n)
			}
		}
		if tk.Trace.Device != "cpu" || tk.Trace.Batch == 0 || tk.Trace.RunEnd <= tk.Trace.RunStart {
			t.Errorf("trace %+v", tk.Trace)
		}
	})
}

func TestRequestsShareABatchWhileTheLaneIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 10 * time.Millisecond}
		b, m := start(t, e, 1, 16)
		defer b.Close()
		var wg sync.WaitGroup
		for i := range 9 {
			wg.Go(func() {
				if i > 0 {
					time.Sleep(time.Millisecond)
				}
				tk := newTask(uint64(i*10), 1, time.Second)
				defer tk.Release()
				if err := m.Predict(tk); err != nil {
					t.Error(err)
					return
				}
				checkRows(t, tk, uint64(i*10))
			})
		}
		wg.Wait()
		if got := e.seen(); len(got) != 2 || got[0] != 1 || got[1] != 8 {
			t.Errorf("runs of %v rows, want [1 8]", got)
		}
	})
}

func TestDeadlineIsKeptWhileTheBatchRunsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		b, m := start(t, e, 1, 4)
		e.cost = time.Second // far more than the curve says
		tk := newTask(1, 1, 50*time.Millisecond)
		begin := time.Now()
		err := m.Predict(tk)
		if !fault.Is(err, fault.DeadlineExceeded) {
			t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
		}
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("answered after %v, want 50ms", took)
		}
		tk.Release()
		b.Close() // waits for the run
		if took := time.Since(begin); took != time.Second {
			t.Errorf("closed after %v, while the run was going on", took)
		}
	})
}

type peer struct{ gone atomic.Bool }

func (p *peer) Gone() bool { return p.gone.Load() }

func TestQueuedRequestOfAGoneClientIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 200 * time.Millisecond}
		b, m := start(t, e, 1, 1)
		defer b.Close()
		var wg sync.WaitGroup
		wg.Go(func() {
			tk := newTask(1, 1, time.Second)
			defer tk.Release()
			if err := m.Predict(tk); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		p := &peer{}
		wg.Go(func() {
			tk := newTask(2, 1, time.Second)
			defer tk.Release()
			tk.Peer = p
			begin := time.Now()
			if err := m.Predict(tk); !fault.Is(err, fault.ClientClosed) {
				t.Errorf("got %v, want CLIENT_CLOSED", err)
			}
			if took := time.Since(begin); took > 50*time.Millisecond {
				t.Errorf("noticed after %v", took)
			}
		})
		time.Sleep(30 * time.Millisecond)
		p.gone.Store(true)
		wg.Wait()
		if got := e.seen(); len(got) != 1 {
			t.Errorf("%d runs, want 1: the cancelled row must not run", len(got))
		}
	})
}

// fill sends n one-row requests that wait behind a first one, and returns their errors.
func fill(m *Model, n int) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			tk := newTask(uint64(i), 1, time.Second)
			defer tk.Release()
			errs[i] = m.Predict(tk)
		})
		if i == 0 {
			synctest.Wait()
		}
	}
	wg.Wait()
	return errs
}

func TestOnlyTheOffenderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: time.Millisecond, fail: func(rows []uint64) error {
			for _, v := range rows {
				if v == 5 {
					return fault.New(fault.InferenceFailed, "the run failed")
				}
			}
			return nil
		}}
		b, m := start(t, e, 1, 16)
		defer b.Close()
		for i, err := range fill(m, 9) {
			if want := i == 5; want != (err != nil) || want && !fault.Is(err, fault.ModelRejectedInput) {
				t.Errorf("request %d got %v", i, err)
			}
		}
	})
}

func TestFailingDeviceFailsAllWithinItsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: time.Millisecond, fail: func([]uint64) error { return fault.New(fault.InferenceFailed, "broken") }}
		b, m := start(t, e, 1, 16)
		defer b.Close()
		for i, err := range fill(m, 9) {
			if !fault.Is(err, fault.InferenceFailed) {
				t.Errorf("request %d got %v", i, err)
			}
		}
		if n := len(e.seen()); n > 1+1+8+1 { // the last a repair run, which overdraws its account
			t.Errorf("%d runs for a batch of 8", n)
		}
	})
}

func TestPanicInTheRunnerIsOneFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{fail: func(rows []uint64) error {
			if rows[0] == 7 {
				panic("boom")
			}
			return nil
		}}
		b, m := start(t, e, 1, 1)
		defer b.Close()
		f := func(first uint64, want fault.Kind) {
			t.Helper()
			tk := newTask(first, 1, time.Second)
			defer tk.Release()
			if got := fault.Of(m.Predict(tk)); want == fault.None && got != nil || want != fault.None && (got == nil || got.Kind != want) {
				t.Errorf("row %d got %v, want %s", first, got, want.Code())
			}
		}
		f(1, fault.None)
		f(7, fault.Internal)
		f(8, fault.None)
	})
}

func TestDrainAnswersTheAcceptedAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 10 * time.Millisecond}
		b, m := start(t, e, 1, 1)
		var ok atomic.Int32
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				tk := newTask(uint64(i), 1, time.Second)
				defer tk.Release()
				if err := m.Predict(tk); err != nil {
					t.Error(err)
					return
				}
				ok.Add(1)
			})
		}
		synctest.Wait()
		if err := b.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if ok.Load() != 5 {
			t.Errorf("%d of 5 accepted requests answered", ok.Load())
		}
		tk := newTask(9, 1, time.Second)
		defer tk.Release()
		if err := m.Predict(tk); !fault.Is(err, fault.Draining) {
			t.Errorf("after the drain: %v, want DRAINING", err)
		}
		b.Close()
	})
}

func TestDrainDeadlineAnswersTheQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: time.Second}
		b, m := start(t, e, 1, 1)
		errs := make(chan error, 3)
		for i := range 3 {
			go func() {
				tk := newTask(uint64(i), 1, time.Hour)
				defer tk.Release()
				errs <- m.Predict(tk)
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := b.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain returned %v", err)
		}
		b.Close()
		answered, refused := 0, 0
		for range 3 {
			if err := <-errs; err == nil {
				answered++
			} else if fault.Is(err, fault.Draining) {
				refused++
			}
		}
		if answered != 1 || refused != 2 {
			t.Errorf("%d answered and %d refused, want 1 and 2", answered, refused)
		}
	})
}

func TestModelCloseWaitsForItsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 100 * time.Millisecond}
		b, m := start(t, e, 1, 1)
		defer b.Close()
		done := make(chan error, 1)
		go func() {
			tk := newTask(1, 1, time.Second)
			defer tk.Release()
			done <- m.Predict(tk)
		}()
		synctest.Wait()
		begin := time.Now()
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 100*time.Millisecond {
			t.Errorf("closed after %v, the run takes 100ms", took)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		tk := newTask(1, 1, time.Second)
		defer tk.Release()
		if err := m.Predict(tk); err == nil {
			t.Error("a closed model took a request")
		}
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
}

func TestAdmitTurnsAwayWhatWouldBeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 100 * time.Millisecond}
		b, m := start(t, e, 1, 1)
		defer b.Close()
		f := func(budget time.Duration, want fault.Kind) {
			t.Helper()
			if got := fault.Of(m.Admit(clock.Now(), clock.Now().Add(budget))); want == fault.None && got != nil || want != fault.None && (got == nil || got.Kind != want || got.RetryAfter <= 0) {
				t.Errorf("Admit with a budget of %v: %v, want %q", budget, got, want.Code())
			}
		}
		go func() {
			tk := newTask(1, 1, time.Second)
			defer tk.Release()
			if err := m.Predict(tk); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		f(10*time.Millisecond, fault.None) // nobody has been refused yet
		tk := newTask(2, 1, 150*time.Millisecond)
		defer tk.Release()
		if err := m.Predict(tk); !fault.Is(err, fault.Overloaded) {
			t.Fatalf("a request that must be late got %v", err)
		}
		f(150*time.Millisecond, fault.Overloaded)
		f(time.Second, fault.None)
	})
}
