package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
)

// flat costs the same at any size.
func flat(d time.Duration) cost.Curve {
	return cost.Curve{{Rows: 1, P50: d, P95: d}, {Rows: 8, P50: d, P95: d}}
}

// one is a scheduler with one device and one model on it.
func one(t fataler, lanes int, opts ModelOptions, curve cost.Curve) *rig {
	t.Helper()
	s := New(SchedulerOptions{})
	d := device0(t, s, DeviceOptions{Name: "d", Lanes: lanes})
	add(t, s, opts, d, curve)
	return newRig(t, s)
}

func device0(t fataler, s *Scheduler, opts DeviceOptions) DeviceID {
	t.Helper()
	d, err := s.AddDevice(opts)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return d
}

func add(t fataler, s *Scheduler, opts ModelOptions, d DeviceID, curve cost.Curve) ModelID {
	t.Helper()
	if opts.MaxBatch == 0 {
		opts.MaxBatch = 8
	}
	opts.Devices = []ModelDevice{{Device: d, Curve: curve}}
	m, err := s.AddModel(opts)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return m
}

// item arrives now and has a budget.
func (r *rig) item(m ModelID, rows int, budget time.Duration) *Item {
	return &Item{Model: m, Rows: rows, Arrived: r.now, Deadline: r.now.Add(budget), Class: task.Normal}
}

func (r *rig) classed(c task.Priority, budget time.Duration) *Item {
	it := r.item(0, 1, budget)
	it.Class = c
	return it
}

// likely is when the first device of the first model would finish a row that arrives now.
func (r *rig) likely(c task.Priority) clock.Instant {
	return r.s.models[0].on[0].forecast(r.now, 1, c, clock.Never, 0).likely
}

func TestRoute(t *testing.T) {
	s := New(SchedulerOptions{})
	gpu := device0(t, s, DeviceOptions{Name: "gpu", Lanes: 1})
	cpu := device0(t, s, DeviceOptions{Name: "cpu", Lanes: 1})
	_, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 1, Devices: []ModelDevice{{Device: gpu, Curve: flat(10 * ms)}, {Device: cpu, Curve: flat(30 * ms)}}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, s)
	f := func(budget time.Duration, want DeviceID, reason Reason) {
		t.Helper()
		it := r.item(0, 1, budget)
		if v := r.arrive(it); v.Reason != reason || v.Admitted && it.Device != want {
			t.Errorf("budget %v: %v on device %d, want %v on %d", budget, v.Reason, it.Device, reason, want)
		}
	}
	for range 2 { // done at 10 and 20 ms
		f(40*ms, gpu, None)
	}
	f(40*ms, cpu, None) // 30 ms is less than 0.3 of the budget before the deadline
	f(40*ms, gpu, None) // but better than 60 ms
	f(40*ms, gpu, None)
	f(40*ms, 0, PredictedLate)
	f(110*ms, gpu, None) // pressed by now, but 50 ms is in the first half of the budget
	f(110*ms, cpu, None) // 60 ms is not
	r.settle()
	if r.completed != 7 || r.late != 0 {
		t.Errorf("%d completed, %d late", r.completed, r.late)
	}
}

func TestCancelExpireAndFailure(t *testing.T) {
	r := one(t, 1, ModelOptions{MaxBatch: 1}, flat(10*ms))
	r.took = func(*Batch) time.Duration { return 50 * ms }
	r.fails = func(b *Batch) Outcome { return map[bool]Outcome{false: Ran, true: Failed}[b.Start > 0] }
	running, queued, dying := r.item(0, 1, time.Second), r.item(0, 1, time.Second), r.item(0, 1, 40*ms)
	last := r.item(0, 1, time.Second)
	for _, it := range []*Item{running, queued, dying, last} {
		r.arrive(it)
	}
	if r.cancel(running) {
		t.Error("cancelled a running item")
	}
	if !r.cancel(queued) || r.cancel(queued) {
		t.Error("cancel of a queued item must work once")
	}
	if got := r.s.Due(); got != dying.Deadline {
		t.Errorf("the next look is at %v, want that deadline, %v", got, dying.Deadline)
	}
	r.settle()
	stats, _ := r.s.ModelStats(r.now, 0)
	want := Counts{Arrived: 4, Admitted: 4, Completed: 1, Failed: 1}
	want.Dropped[Cancelled], want.Dropped[Expired] = 1, 1
	if stats.Counts != want {
		t.Errorf("counts %+v, want %+v", stats.Counts, want)
	}
	if stats.Devices[0].Runs != 1 {
		t.Errorf("learned from %d runs; a failed one teaches nothing", stats.Devices[0].Runs)
	}
}

func TestCloseAndRemove(t *testing.T) {
	r := one(t, 1, ModelOptions{MaxBatch: 1}, flat(10*ms))
	r.arrive(r.item(0, 1, time.Second))
	r.arrive(r.item(0, 1, time.Second))
	r.s.CloseModel(0)
	if v := r.arrive(r.item(0, 1, time.Second)); v.Reason != Closed {
		t.Errorf("a closed model says %v", v.Reason)
	}
	if err := r.s.RemoveModel(0); err == nil || !strings.Contains(err.Error(), "1 items wait and 1 batches run") {
		t.Errorf("removing a busy model: %v", err)
	}
	r.settle()
	if r.completed != 2 {
		t.Errorf("%d completed, want 2", r.completed)
	}
	if err := r.s.RemoveModel(0); err != nil {
		t.Error(err)
	}
	if v := r.arrive(r.item(0, 1, time.Second)); v.Reason != Closed {
		t.Errorf("a removed model says %v", v.Reason)
	}
	if err := r.s.RemoveModel(0); err == nil {
		t.Error("removed twice")
	}
	if n := len(r.s.devices[0].on); n != 0 {
		t.Errorf("the device still knows %d models", n)
	}
}

// Distinct keys without end must not fill the memory.
func TestKeysAreReclaimed(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(ms))
	for i := range 10000 {
		it := r.item(0, 1, time.Second)
		it.Key = uint64(i)
		r.arrive(it)
		r.advance(r.now.Add(ms / 2 * 3))
	}
	r.settle()
	spare := 0
	for g := r.s.spare; g != nil; g = g.free {
		spare++
	}
	if n := len(r.s.models[0].on[0].groups); n > sparseGroups || spare > 4 {
		t.Errorf("%d groups and %d spare ones after 10000 keys", n, spare)
	}
}

// TestSetSingle queues items, of two classes, that would share a batch: told to, the scheduler
// seals each by itself, those that were queued before too.
func TestSetSingle(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(ms))
	var sizes []int
	r.onBatch = func(b *Batch) { sizes = append(sizes, len(b.Items)) }
	for range 4 { // the first runs at once, the others wait for it
		r.arrive(r.item(0, 2, time.Second))
	}
	r.arrive(r.classed(task.Low, time.Second))
	r.s.SetSingle(0)
	r.arrive(r.item(0, 1, time.Second))
	r.settle()
	if want := []int{1, 1, 1, 1, 1, 1}; !slices.Equal(sizes, want) {
		t.Errorf("batches of %v items, want %v", sizes, want)
	}
}
