package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

func TestAdmission(t *testing.T) {
	// A batch takes 10 ms at any size up to 8; one runs since 0.
	f := func(name string, waiting int, budget time.Duration, want Reason, wait time.Duration) {
		t.Helper()
		r := one(t, 1, ModelOptions{}, flat(10*ms))
		r.arrive(r.item(0, 1, time.Second))
		for range waiting {
			r.arrive(r.item(0, 1, time.Second))
		}
		v := r.arrive(r.item(0, 1, budget))
		if v.Reason != want || v.Admitted != (want == None) || v.Wait != wait {
			t.Errorf("%s: %+v, want %v with a wait of %v", name, v, want, wait)
		}
	}
	f("behind the running batch", 0, 20*ms, None, 10*ms)
	f("a tick too late", 0, 20*ms-1, PredictedLate, 10*ms)
	f("joins a batch that has room", 7, time.Second, None, 10*ms)
	f("waits for a full one", 8, time.Second, None, 20*ms)
	f("comes first where it is due first", 8, 20*ms, None, 10*ms)
	f("over already", 0, 0, Expired, 10*ms)
}

// While a run hangs, what cannot wait for it is refused at once.
func TestHangRefuses(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(10*ms))
	r.took = func(*Batch) time.Duration { return time.Hour }
	r.arrive(r.item(0, 1, time.Second))
	r.advance(clock.Instant(60 * ms)) // 50 ms overdue
	if v := r.arrive(r.item(0, 1, 40*ms)); v.Reason != PredictedLate || v.Wait != 50*ms {
		t.Errorf("%+v, want a refusal with a wait of 50ms", v)
	}
	if v := r.arrive(r.item(0, 1, 100*ms)); !v.Admitted {
		t.Errorf("%+v, want it admitted: the run may end in time", v)
	}
}

func TestBounds(t *testing.T) {
	f := func(name string, rows, bytes int, class task.Priority, want Reason) {
		t.Helper()
		r := one(t, 1, ModelOptions{MaxQueueRows: 16, MaxQueueBytes: 1000}, flat(ms))
		r.arrive(r.item(0, 1, time.Second))
		r.arrive(&Item{Rows: 8, Bytes: 500, Deadline: r.now.Add(time.Second), Class: task.Normal})
		v := r.arrive(&Item{Rows: rows, Bytes: int64(bytes), Deadline: r.now.Add(time.Second), Class: class})
		if v.Reason != want {
			t.Errorf("%s: %v, want %v", name, v.Reason, want)
		}
	}
	f("up to the rows", 8, 0, task.Normal, None)
	f("up to the bytes", 1, 500, task.Normal, None)
	f("a byte more", 1, 501, task.Normal, QueueBytes)
	f("the lowest class leaves a quarter", 4, 250, task.Low, None)
	f("of the rows", 5, 0, task.Low, QueueRows)
	f("and of the bytes", 1, 251, task.Low, QueueBytes)
	r := one(t, 1, ModelOptions{MaxQueueRows: 16}, flat(ms))
	for range 17 {
		r.arrive(r.item(0, 1, time.Second))
	}
	if v := r.arrive(r.item(0, 1, time.Second)); v.Reason != QueueRows {
		t.Errorf("the 17th waiting row: %v", v.Reason)
	}
}

// A request of two parts may be the probe as well: both are admitted.
func TestProbeOfSeveralParts(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(100*ms))
	arrive := func(at time.Duration) (verdicts [2]Verdict) {
		r.now = clock.Instant(at)
		for i := range verdicts {
			it := r.item(0, 8, 50*ms)
			it.Whole = 16
			verdicts[i] = r.s.Arrive(r.now, it, new(Decisions))
		}
		return verdicts
	}
	for i, v := range arrive(1) {
		if v.Reason != BudgetTooShort || v.Takes != 200*ms {
			t.Errorf("part %d at first: %+v, want a refusal since 16 rows take 200ms", i, v)
		}
	}
	for i, v := range arrive(4*time.Second + 1) {
		if !v.Admitted {
			t.Errorf("part %d of the probe: %v", i, v.Reason)
		}
	}
	r.now++
	if v := r.s.Arrive(r.now, r.item(0, 1, 50*ms), new(Decisions)); v.Reason != BudgetTooShort || v.Takes != 100*ms {
		t.Errorf("a request after the probe: %+v", v)
	}
}

func TestProbeEndsALockOut(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(10*ms))
	factor := 10
	r.took = func(b *Batch) time.Duration { return time.Duration(factor) * 10 * ms }
	for range 6 { // the device turns slow: the budget of 50 ms cannot be kept
		r.arrive(r.item(0, 1, 10*time.Second))
		r.settle()
	}
	if v := r.arrive(r.item(0, 1, 50*ms)); v.Reason != PredictedLate {
		t.Fatalf("right after a slow run: %v", v.Reason)
	}
	factor = 1
	recovered := r.now
	refused := 0
	for {
		v := r.arrive(r.item(0, 1, 50*ms))
		if v.Admitted && v.Wait == 0 && r.s.models[0].on[0].cost.Latency(1) <= 50*ms {
			break
		}
		refused++
		r.advance(r.now.Add(ms))
		if r.now.Sub(recovered) > 200*ms {
			t.Fatalf("still refusing 200ms after the device recovered")
		}
	}
	if refused < 50 {
		t.Errorf("only %d requests were refused before the probe", refused)
	}
	r.settle()
	if stats, _ := r.s.ModelStats(r.now, 0); stats.Devices[0].Probes != 1 {
		t.Errorf("%d probes, want 1", stats.Devices[0].Probes)
	}
}
