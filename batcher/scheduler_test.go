package batcher

import (
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
	f("late, but within a tenth of the budget", 0, 18182*time.Microsecond, None, 10*ms)
	f("later than that", 0, 18181*time.Microsecond, PredictedLate, 10*ms)
	f("joins a batch that has room", 7, time.Second, None, 10*ms)
	f("waits for a full one", 8, time.Second, None, 20*ms)
	f("comes first where it is due first", 8, 20*ms, None, 10*ms)
	f("over already", 0, 0, Expired, 10*ms)
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

func TestLanesAreWokenForWhatWaits(t *testing.T) {
	r := one(t, 2, ModelOptions{MaxBatch: 2}, line(2, 10*ms, 0))
	s := r.s
	arrive := func(want int) {
		t.Helper()
		if v := s.Arrive(r.now, r.item(0, 1, time.Second)); v.Wake.Lane != want {
			t.Fatalf("arrival wakes lane %d, want %d", v.Wake.Lane, want)
		}
	}
	arrive(0)
	arrive(-1) // lane 0 is on its way
	arrive(-1)
	var a, b Batch
	if !s.Next(r.now, 0, 0, &a) || a.Rows != 2 || a.Wake.Lane != 1 {
		t.Fatalf("lane 0 takes %d rows and wakes lane %d; want 2 rows and lane 1 for the third", a.Rows, a.Wake.Lane)
	}
	if !s.Next(r.now, 0, 1, &b) || b.Rows != 1 || b.Wake.Lane != -1 {
		t.Fatalf("lane 1 takes %d rows and wakes lane %d", b.Rows, b.Wake.Lane)
	}
	arrive(-1)
	s.Complete(r.now.Add(10*ms), &a, false)
	arrive(0)
	if s.Next(r.now.Add(10*ms), 0, 0, &a); a.Rows != 2 {
		t.Fatalf("lane 0 takes %d rows, want 2", a.Rows)
	}
}

// A request of two parts may be the probe as well: both are admitted.
func TestProbeOfSeveralParts(t *testing.T) {
	r := one(t, 1, ModelOptions{}, flat(100*ms))
	parts := []*Item{r.item(0, 8, 50*ms), r.item(0, 8, 50*ms)}
	for i, it := range parts {
		if v := r.s.Arrive(0, it); !v.Admitted {
			t.Errorf("part %d: %v", i, v.Reason)
		}
	}
	if v := r.s.Arrive(1, r.item(0, 1, 50*ms)); v.Reason != PredictedLate {
		t.Errorf("a request after the probe: %v", v.Reason)
	}
}

// Spreading: lane 0 runs until 10 ms; what may start lane 1 before?
func TestSpread(t *testing.T) {
	f := func(name string, after, at time.Duration, rows int, budget time.Duration, wake bool, next time.Duration) {
		t.Helper()
		s := New(SchedulerOptions{})
		d := device0(t, s, DeviceOptions{Name: "cpu", Lanes: 2, SpreadAfter: after})
		m := add(t, s, ModelOptions{}, d, flat(10*ms))
		r := newRig(t, s)
		r.arrive(r.item(m, 1, time.Second))
		v := s.Arrive(clock.Instant(at), &Item{Model: m, Rows: rows, Arrived: clock.Instant(at), Deadline: clock.Instant(at + budget), Class: task.Normal})
		if !v.Admitted || (v.Wake.Lane == 1) != wake {
			t.Errorf("%s: %+v, want woken %v", name, v, wake)
		}
		want := clock.Never
		if !wake {
			want = clock.Instant(next)
		}
		if got := s.NextWake(); got != want {
			t.Errorf("%s: asks to be woken at %v, want %v", name, time.Duration(got), time.Duration(want))
		}
		if !wake {
			if l := s.Wake(want - 1); l.Lane >= 0 {
				t.Errorf("%s: woken before its time", name)
			}
			if s.NextWake() != want {
				t.Errorf("%s: asking early lost the wake-up", name)
			}
			if l := s.Wake(want); l.Lane != 1 {
				t.Errorf("%s: at its time lane %d is woken", name, l.Lane)
			}
		}
	}
	f("at once without holding back", 0, 5*ms, 1, time.Second, true, 0)
	f("where the wait is longer", 4*ms, 5*ms, 1, time.Second, true, 0)
	f("not where it is shorter, unless the lane is overdue", 5*ms, 5*ms, 1, time.Second, false, 15*ms)
	f("for a full batch", 5*ms, 5*ms, 8, time.Second, true, 0)
	f("where the deadline would be lost", 5*ms, 5*ms, 1, 19*ms, true, 0)
	f("or where it would be while the lane is overdue", 5*ms, 5*ms, 1, 21*ms, false, 11*ms)
	f("where the lane is overdue already", 5*ms, 15*ms, 1, time.Second, true, 0)
}

func TestClasses(t *testing.T) {
	// One batch runs; then two of each class arrive, lowest first, each batch has 2 rows.
	r := one(t, 1, ModelOptions{MaxBatch: 2}, line(2, 10*ms, 0))
	r.arrive(r.item(0, 1, time.Second))
	for _, c := range []task.Priority{task.Low, task.Normal, task.High} {
		r.arrive(r.classed(c, time.Second))
		r.arrive(r.classed(c, time.Second))
	}
	var order []task.Priority
	r.onBatch = func(b *Batch) {
		for _, it := range b.Items {
			order = append(order, it.Class)
		}
	}
	r.settle()
	want := []task.Priority{task.High, task.High, task.Normal, task.Normal, task.Low, task.Low}
	for i := range want {
		if len(order) != len(want) || order[i] != want[i] {
			t.Fatalf("classes ran as %v, want %v", order, want)
		}
	}
}

func TestLowerClassesRideForNothing(t *testing.T) {
	f := func(name string, high, low time.Duration, sizes []int, rows int) {
		t.Helper()
		s := New(SchedulerOptions{})
		d := device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
		m, err := s.AddModel(ModelOptions{Name: "m", MaxBatch: 8, Devices: []ModelDevice{{Device: d, Curve: line(8, 10*ms, ms), Sizes: sizes}}})
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, s)
		r.arrive(r.item(m, 8, time.Second))
		r.advance(clock.Instant(10 * ms))
		r.arrive(r.classed(task.High, high))
		r.arrive(r.classed(task.Low, low))
		r.arrive(r.classed(task.Low, low))
		got := 0
		r.onBatch = func(b *Batch) {
			if got == 0 {
				got = b.Rows
			}
		}
		r.settle()
		if got != rows {
			t.Errorf("%s: the batch has %d rows, want %d", name, got, rows)
		}
	}
	// The running batch ends at 18 ms, 8 ms from the arrivals.
	f("all fit", 100*ms, 100*ms, nil, 3)
	f("until the leader would be late", 20*ms, 100*ms, nil, 2)
	f("or they themselves would", 100*ms, 20*ms, nil, 2)
	f("in the bucket", 100*ms, 100*ms, []int{2, 8}, 2)
}

func TestLowestClassKeepsItsFloor(t *testing.T) {
	r := one(t, 1, ModelOptions{MaxBatch: 1}, flat(ms))
	// Twice as much high traffic as the device can do, and always a low one waiting.
	low, total := 0, 0
	r.onBatch = func(b *Batch) {
		total++
		if b.Items[0].Class == task.Low {
			low++
		}
	}
	for range 2000 {
		r.arrive(r.classed(task.High, 20*ms))
		r.arrive(r.classed(task.High, 20*ms))
		if r.s.models[0].on[0].rows[task.Low] < 3 {
			// Its prediction counts the high ones, so it needs a long budget to get in.
			r.arrive(r.classed(task.Low, 10*time.Second))
		}
		r.advance(r.now.Add(ms))
	}
	if share := float64(low) / float64(total); share < 0.045 || share > 0.06 {
		t.Errorf("the lowest class got %.3f of the batches, want 0.05", share)
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
		if v.Admitted && v.Wait == 0 && r.s.models[0].on[0].cost.latency(1) <= 50*ms {
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
	for range 4 { // done at 10, 20, 30 and 40 ms
		f(40*ms, gpu, None)
	}
	f(40*ms, cpu, None)
	f(40*ms, 0, PredictedLate)
	f(50*ms, gpu, None)
	r.settle()
	if r.completed != 6 || r.late != 0 {
		t.Errorf("%d completed, %d late", r.completed, r.late)
	}
}

func TestCancelExpireAndFailure(t *testing.T) {
	r := one(t, 1, ModelOptions{MaxBatch: 1}, flat(10*ms))
	r.took = func(*Batch) time.Duration { return 50 * ms }
	r.fails = func(b *Batch) bool { return b.Start > 0 }
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
	if got := r.s.NextDeadline(); got != dying.Deadline {
		t.Errorf("next deadline %v, want %v", got, dying.Deadline)
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
	if r.s.Idle(0) {
		t.Error("a busy model counts as idle")
	}
	r.settle()
	if r.completed != 2 || !r.s.Idle(0) {
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

func TestBadOptions(t *testing.T) {
	f := func(o ModelOptions, want string) {
		t.Helper()
		s := New(SchedulerOptions{})
		device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
		o.Name = "m"
		if _, err := s.AddModel(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	on := []ModelDevice{{Device: 0}}
	f(ModelOptions{Devices: on}, "largest batch is 0 rows")
	f(ModelOptions{MaxBatch: 1}, "no device")
	f(ModelOptions{MaxBatch: 1, Devices: []ModelDevice{{Device: 1}}}, "device 1 does not exist")
	f(ModelOptions{MaxBatch: 1, Devices: []ModelDevice{{}, {}}}, "device 0 is listed twice")
	f(ModelOptions{MaxBatch: 1, Devices: on, Weight: -1}, "weight is -1")
	f(ModelOptions{MaxBatch: 1, Devices: on, Budget: -1}, "budget is -1ns")
	f(ModelOptions{MaxBatch: 9, Devices: on, MaxQueueRows: 8}, "below the largest batch of 9")
	f(ModelOptions{MaxBatch: 1, Devices: on, MaxQueueBytes: -1}, "queue bound is -1 bytes")
	f(ModelOptions{MaxBatch: 8, Devices: []ModelDevice{{Sizes: []int{1, 4}}}}, "batch sizes [1 4]")
	f(ModelOptions{MaxBatch: 8, Devices: []ModelDevice{{Sizes: []int{0, 8}}}}, "batch sizes [0 8]")
	f(ModelOptions{MaxBatch: 1, Devices: []ModelDevice{{Curve: cost.Curve{{Rows: 0, P50: 1}}}}}, "cost curve has the point 0 rows")
	f(ModelOptions{Weight: -1}, "largest batch is 0 rows; it must be at least 1\nmodel \"m\": weight")
	s := New(SchedulerOptions{})
	if _, err := s.AddDevice(DeviceOptions{Name: "d"}); err == nil || !strings.Contains(err.Error(), "has 0 lanes") {
		t.Errorf("device without lanes: %v", err)
	}
	if _, err := s.AddDevice(DeviceOptions{Name: "d", Lanes: 1, Gap: -1}); err == nil || !strings.Contains(err.Error(), "negative duration") {
		t.Errorf("device with a negative gap: %v", err)
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
