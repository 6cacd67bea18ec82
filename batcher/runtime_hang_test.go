package batcher

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/cost"
	"sluice/internal/fault"
)

// A run that hangs is noticed when its limit passes, although nobody waits for it any more and no
// request comes.
func TestHangIsNoticedWithoutARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, policy.FallbackFailure)
		defer p.Close()
		p.gpu.fail = func([]uint64) error { // not even its limit ends it
			time.Sleep(3 * time.Second)
			return nil
		}
		const budget = 30 * time.Millisecond // the CPU cannot make it once the device is overdue
		tk := newTask(1, 1, budget)
		defer tk.Release()
		if err := p.model.Predict(tk); !fault.Is(err, fault.DeadlineExceeded) {
			t.Errorf("the request of the hanging run got %v", err)
		}
		time.Sleep(1100*time.Millisecond - budget)
		p.wantEvents(t, "gpu broken a run passed its hang limit")
		begin := time.Now()
		p.ask(t, 1, "cpu", "breaker")
		if took := time.Since(begin); took > 20*time.Millisecond {
			t.Errorf("the next request took %v", took)
		}
		time.Sleep(3 * time.Second)
	})
}

// Under the runtime: runs that hang in both lanes, and not even their limit ends them. The other
// model answers within its budgets once they count as hanging, with nothing but timers to notice.
func TestHangingRunsUnderTheRuntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Start(Options{Devices: []policy.DeviceOptions{{Name: "cpu", Lanes: 2, Spares: 3}}})
		if err != nil {
			t.Fatal(err)
		}
		add := func(name string, e *echo) *Model {
			m, err := b.Add(Spec{Name: name, MaxBatch: 1, Outputs: 1, Budget: time.Second, Placements: []Placement{
				{Device: "cpu", Runner: e, Curve: cost.Curve{{Rows: 1, P50: 5 * time.Millisecond}}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		var well atomic.Bool
		hanging := &echo{cost: 5 * time.Millisecond, fail: func([]uint64) error {
			if !well.Load() {
				time.Sleep(15 * time.Second)
			}
			return nil
		}}
		bad, good := add("bad", hanging), add("good", &echo{cost: 5 * time.Millisecond})
		ask := func(m *Model, budget time.Duration) error {
			tk := newTask(1, 1, budget)
			defer tk.Release()
			begin := time.Now()
			err := m.Predict(tk)
			if took := time.Since(begin); took > budget {
				t.Errorf("%s: answered after %v of %v: %v", m.spec.Name, took, budget, err)
			}
			return err
		}
		both := make(chan error)
		for range 2 {
			go func() { both <- ask(bad, 100*time.Millisecond) }()
		}
		for range 2 {
			if err := <-both; !fault.Is(err, fault.DeadlineExceeded) {
				t.Errorf("a request whose run hangs got %v", err)
			}
		}
		time.Sleep(1050 * time.Millisecond) // a run hangs after a second
		for i := range 100 {
			if err := ask(good, 100*time.Millisecond); err != nil {
				t.Errorf("request %d of the good model: %v", i, err)
			}
		}
		want := fmt.Sprint(errHanging(bad))
		if err := ask(bad, 100*time.Millisecond); !fault.Is(err, fault.NoCapacity) || err.Error() != want || fault.Of(err).RetryAfter < 8*time.Second {
			t.Errorf("a further request of the model that hangs got %v", err)
		}
		if d := b.Devices()[0]; d.Lent != 2 || d.Busy != 0 {
			t.Errorf("the device is %+v", d)
		}
		well.Store(true)
		time.Sleep(16 * time.Second)
		if d := b.Devices()[0]; d.Lent != 0 {
			t.Errorf("when all runs have ended %d lanes are lent", d.Lent)
		}
		for range 3 {
			if err := ask(bad, time.Second); err != nil {
				t.Errorf("after its runs have ended the model answers %v", err)
			}
		}
		b.Close()
	})
}
