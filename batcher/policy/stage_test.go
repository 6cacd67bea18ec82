package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
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
	if got := r.likely(0); got != clock.Instant(30*ms) {
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
	if got := r.s.models[0].on[0].cost.Latency(4); got < 10900*time.Microsecond || got > 11500*time.Microsecond {
		t.Errorf("runs of 11 ms are predicted to take %v", got)
	}
}

func TestStageNeedsTwoLanes(t *testing.T) {
	s := New(SchedulerOptions{})
	if _, err := s.AddDevice(DeviceOptions{Name: "gpu", Lanes: 1, Stage: ms}); err == nil {
		t.Error("took a stage with one lane")
	}
}
