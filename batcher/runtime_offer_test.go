package batcher

import (
	"testing"
	"testing/synctest"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// submission is a request of a submitter.
type submission struct {
	first uint64
	task  *task.Task
	ended time.Time // zero until it has
	waker task.Waker
}

func (s *submission) Ended() task.Waker {
	s.ended = time.Now()
	return s.waker
}

// bell counts how often it is rung, and how many had ended by then.
type bell struct {
	ended func() int
	rung  []int
}

func (b *bell) Wake() { b.rung = append(b.rung, b.ended()) }

func submit(t *testing.T, m *Model, first uint64, rows int, budget time.Duration) *submission {
	t.Helper()
	s := &submission{first: first, task: newTask(first, rows, budget)}
	s.task.Waiter = s
	if err := m.Submit(s.task); err != nil {
		t.Fatal(err)
	}
	return s
}

// check wants the request to have ended well, and lets it go.
func (s *submission) check(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if s.ended.IsZero() || s.task.Err != nil {
		t.Errorf("the request from %d: ended %v, %v", s.first, !s.ended.IsZero(), s.task.Err)
		return
	}
	checkRows(t, s.task, s.first)
	s.task.Release()
}

// What is submitted waits for Run, which makes one batch of it, on the caller's goroutine.
func TestRunTakesWhatWasSubmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 100 * time.Microsecond}
		b, m := start(t, e, 2, 8)
		defer b.Close()
		var all []*submission
		for i := range uint64(11) {
			all = append(all, submit(t, m, 10*i, 1, time.Second))
		}
		time.Sleep(time.Millisecond)
		if got := e.seen(); len(got) != 0 {
			t.Fatalf("runs of %v rows without a call of Run", got)
		}
		if more, _ := b.Run(); !more {
			t.Error("Run took 11 rows in a batch of 8")
		}
		begin := time.Now()
		if more, _ := b.Run(); more {
			t.Error("there is more to run after 11 rows in two batches")
		}
		if took := time.Since(begin); took != e.cost {
			t.Errorf("Run took %v, want the time of its batch", took)
		}
		if got := e.seen(); len(got) != 2 || got[0] != 8 || got[1] != 3 {
			t.Errorf("runs of %v rows, want [8 3]", got)
		}
		for _, s := range all {
			s.check(t)
		}
	})
}

// Those who wait for the requests of a batch are woken once each, when all of it has ended.
func TestOneWakingPerBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 100 * time.Microsecond}
		b, m := start(t, e, 1, 8)
		defer b.Close()
		var all []*submission
		ended := func() (n int) {
			for _, s := range all {
				if !s.ended.IsZero() {
					n++
				}
			}
			return n
		}
		bells := [2]*bell{{ended: ended}, {ended: ended}}
		for i := range 8 {
			s := submit(t, m, uint64(10*i), 1, time.Second)
			s.waker = bells[i/5] // five of the first, three of the second
			all = append(all, s)
		}
		b.Run()
		for _, s := range all {
			s.check(t)
		}
		for i, want := range []int{6, 8} { // the first when the next waiter was another's
			if got := bells[i].rung; len(got) != 1 || got[0] != want {
				t.Errorf("waiter %d was woken when so many had ended: %v, want once, at %d", i, got, want)
			}
		}
	})
}

// A long batch is left to the lane's goroutine, and Run says for how long there is nothing to do.
func TestRunLeavesLongBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 20 * time.Millisecond}
		b, m := start(t, e, 1, 8)
		defer b.Close()
		s := submit(t, m, 1, 1, time.Second)
		begin := time.Now()
		if more, busy := b.Run(); more || busy != 0 {
			t.Errorf("Run says more %v, busy %v before the lane has begun", more, busy)
		}
		synctest.Wait()
		if more, busy := b.Run(); more || busy < 19*time.Millisecond || busy > 40*time.Millisecond {
			t.Errorf("Run says more %v, busy %v; the lane runs for 20ms", more, busy)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("Run blocked for %v", took)
		}
		time.Sleep(21 * time.Millisecond)
		s.check(t)
		if _, busy := b.Run(); busy != 0 {
			t.Errorf("busy for %v with an idle lane", busy)
		}
	})
}

// A run that fails under a submitter is repaired by the lane's goroutine.
func TestRunLeavesFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 100 * time.Microsecond, fail: func(rows []uint64) error {
			for _, v := range rows {
				if v == 5 {
					return fault.New(fault.InferenceFailed, "the run failed")
				}
			}
			return nil
		}}
		b, m := start(t, e, 1, 8)
		defer b.Close()
		good, bad := submit(t, m, 1, 1, time.Second), submit(t, m, 5, 1, time.Second)
		if more, _ := b.Run(); more {
			t.Error("the lane is on offer although its batch has failed")
		}
		time.Sleep(time.Millisecond)
		good.check(t)
		if !fault.Is(bad.task.Err, fault.ModelRejectedInput) {
			t.Errorf("the offender got %v", bad.task.Err)
		}
		bad.task.Release()
	})
}

// What no submitter runs, because all are stuck, is run all the same.
func TestStaleOffersAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 100 * time.Microsecond}
		b, m := start(t, e, 1, 8)
		defer b.Close()
		begin := time.Now()
		s := submit(t, m, 1, 1, time.Second)
		time.Sleep(3 * lookEvery)
		s.check(t)
		if took := s.ended.Sub(begin); took > 2*lookEvery {
			t.Errorf("answered after %v", took)
		}
		if more, _ := b.Run(); more {
			t.Error("the lane is still on offer")
		}
	})
}

// A submitted request that nobody can run in time ends at its deadline, and a refused one at once.
func TestSubmitKeepsDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		b, m := start(t, e, 1, 1)
		e.cost = time.Second // far more than the curve says
		begin := time.Now()
		s := submit(t, m, 1, 1, 30*time.Millisecond)
		go b.Run()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if took := s.ended.Sub(begin); took != 30*time.Millisecond || !fault.Is(s.task.Err, fault.DeadlineExceeded) {
			t.Errorf("ended after %v with %v", took, s.task.Err)
		}
		s.task.Release()
		b.Close()
		late := newTask(2, 1, time.Second)
		defer late.Release()
		late.Waiter = &submission{}
		if err := m.Submit(late); !fault.Is(err, fault.Draining) {
			t.Errorf("a closed batcher took a request: %v", err)
		}
	})
}

// A run that turns out long is cut on its submitter's goroutine and made again on the lane's.
func TestRunGivesUpLongRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		b, m := start(t, e, 1, 1)
		defer b.Close()
		e.cost = 200 * time.Millisecond // far more than the curve says
		s := submit(t, m, 1, 1, time.Second)
		begin := time.Now()
		if more, _ := b.Run(); more {
			t.Error("the lane is on offer")
		}
		if took := time.Since(begin); took != leadLimit {
			t.Errorf("Run took %v, want %v", took, leadLimit)
		}
		time.Sleep(time.Second)
		s.check(t)
		if took := s.ended.Sub(begin); took != leadLimit+e.cost {
			t.Errorf("answered after %v", took)
		}
	})
}

// A run in another process is left to the lane's goroutine, which gives it the hang limit: past a
// shorter one the process would be ended.
func TestRunLeavesRemoteRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		b, err := Start(Options{Devices: []policy.DeviceOptions{{Name: "cpu", Lanes: 1}}, HangLimit: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		m, err := b.Add(Spec{Name: "echo", MaxBatch: 1, Outputs: 1, Placements: []Placement{{Device: "cpu", Runner: e, Remote: true}}})
		if err != nil {
			t.Fatal(err)
		}
		e.cost = 4 * leadLimit
		s := submit(t, m, 1, 1, time.Second)
		begin := time.Now()
		if more, _ := b.Run(); more {
			t.Error("the lane is on offer")
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("Run took %v", took)
		}
		time.Sleep(time.Second)
		s.check(t)
		if took := s.ended.Sub(begin); took != e.cost {
			t.Errorf("answered after %v, want %v: in one run", took, e.cost)
		}
	})
}
