package batcher

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/clock"
)

// crowd starts a Batcher that has lately run batches of so many rows.
func crowd(t *testing.T, e *echo, typical float64) (*Batcher, *Model) {
	t.Helper()
	b, m := startWith(t, Options{Linger: 200 * time.Microsecond, LeadWithin: -1}, e, 1, 16)
	b.mu.Lock()
	b.mu.linger[0].typical = typical
	b.mu.crowd = clock.Now()
	b.mu.Unlock()
	return b, m
}

func TestLaneLingersForHalfATypicalBatch(t *testing.T) {
	f := func(typical float64, want ...int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			e := &echo{cost: time.Millisecond}
			b, m := crowd(t, e, typical)
			defer b.Close()
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 10 * time.Microsecond)
					tk := newTask(uint64(i), 1, time.Second)
					defer tk.Release()
					if err := m.Predict(tk); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			got := e.seen()
			for i := range want {
				if i >= len(got) || got[i] != want[i] {
					t.Fatalf("typical batch %v: runs of %v rows, want %v", typical, got, want)
				}
			}
		})
	}
	f(1, 1, 7)
	f(8, 4, 4)
	f(16, 8)
}

func TestLingeringEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: time.Millisecond}
		b, m := crowd(t, e, 16)
		defer b.Close()
		begin := time.Now()
		tk := newTask(1, 1, time.Second)
		defer tk.Release()
		if err := m.Predict(tk); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 1200*time.Microsecond {
			t.Errorf("answered after %v, want 200µs of lingering and 1ms of running", took)
		}
	})
}
