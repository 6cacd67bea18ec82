package batcher

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

func staged(t fataler) *rig {
	t.Helper()
	s := New(SchedulerOptions{})
	d := device0(t, s, DeviceOptions{Name: "gpu", Lanes: 2, Stage: ms})
	add(t, s, ModelOptions{}, d, flat(10*ms))
	return newRig(t, s)
}

// The next batch is sealed shortly before the running one should end, and holds what has come
// until then.
func TestNextBatchIsStagedLate(t *testing.T) {
	r := staged(t)
	var sealed []clock.Instant
	var rows []int
	r.onBatch = func(b *Batch) { sealed, rows = append(sealed, r.now), append(rows, b.Rows) }
	r.arrive(r.item(0, 1, time.Second))
	for _, at := range []time.Duration{2 * ms, 8900 * time.Microsecond, 9500 * time.Microsecond} {
		r.advance(clock.Instant(at))
		r.arrive(r.item(0, 1, time.Second))
	}
	if got := r.s.Predict(r.now, 0, 1, 0, nil)[0].Finish; got != clock.Instant(30*ms) {
		t.Errorf("one that comes behind the running and the staged batch is predicted for %d", got)
	}
	r.settle()
	if len(sealed) != 3 || sealed[1] != clock.Instant(9*ms) || rows[1] != 2 || sealed[2] != clock.Instant(19*ms) || rows[2] != 1 {
		t.Errorf("sealed at %v with %v rows, want 0, 9 and 19 ms with 1, 2 and 1", sealed, rows)
	}
	if r.now != clock.Instant(30*ms) {
		t.Errorf("three batches of 10 ms ended at %d", r.now)
	}
}

// A staged batch's wait is no part of its run.
func TestStagingTeachesNothing(t *testing.T) {
	r := staged(t)
	r.took = func(*Batch) time.Duration { return 11 * ms } // a little more than predicted
	for range 200 {
		r.arrive(r.item(0, 1, time.Second))
		r.advance(r.now.Add(3 * ms))
	}
	r.settle()
	if got := r.s.models[0].on[0].cost.latency(4); got < 10900*time.Microsecond || got > 11500*time.Microsecond {
		t.Errorf("runs of 11 ms are predicted to take %v", got)
	}
}

func TestStageNeedsTwoLanes(t *testing.T) {
	s := New(SchedulerOptions{})
	if _, err := s.AddDevice(DeviceOptions{Name: "gpu", Lanes: 1, Stage: ms}); err == nil {
		t.Error("took a stage with one lane")
	}
}

// inTurn lets an echo's lanes run one after the other, as a device with a stage does.
type inTurn struct {
	*echo
	turn chan struct{}
}

func (d inTurn) Run(lane int, parts []task.Part, limit clock.Instant) (task.Timing, error) {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	return d.echo.Run(lane, parts, limit)
}

// The runtime calls the second lane in time: it sleeps until the seal point by the timer.
func TestStageUnderTheRuntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Start(Options{Devices: []DeviceOptions{{Name: "gpu", Lanes: 2, Stage: ms}}})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		e := inTurn{&echo{cost: 10 * ms}, make(chan struct{}, 1)}
		m, err := b.Add(Spec{Name: "echo", MaxBatch: 8, Outputs: 1, Budget: time.Second, Placements: []Placement{{Device: "gpu", Runner: e, Curve: flat(10 * ms)}}})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		var wg sync.WaitGroup
		for i, at := range []time.Duration{0, 2 * ms, 8 * ms, 9500 * time.Microsecond} {
			wg.Go(func() {
				time.Sleep(at)
				tk := newTask(uint64(10*i), 1, time.Second)
				defer tk.Release()
				if err := m.Predict(tk); err != nil {
					t.Error(err)
					return
				}
				checkRows(t, tk, uint64(10*i))
			})
		}
		wg.Wait()
		if got := e.seen(); len(got) != 3 || got[1] != 2 {
			t.Errorf("batches of %v rows, want [1 2 1]", got)
		}
		if took := time.Since(begin); took != 30*ms {
			t.Errorf("three batches of 10 ms took %v", took)
		}
	})
}
