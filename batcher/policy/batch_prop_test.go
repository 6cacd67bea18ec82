package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// scene is a random set-up with random traffic; the rig checks every step of it.
type scene struct {
	*rig
	models int
	items  []*Item
	faults bool
	hangs  bool
	joined int // devices, late
	most   int // rows of a batch of the most frequent key; 0 for no bound
}

type sceneOptions struct {
	noise  bool // runs take other times than predicted, and fail
	spread bool
	faults bool // devices are closed, opened and throttled, and fallback is switched
	hangs  bool // runs hang, and devices have spare lanes
}

func drawScene(t *rapid.T, o sceneOptions) *scene {
	s := New(SchedulerOptions{HangLimit: time.Second})
	fewest := 1
	if o.faults {
		fewest = 2
	}
	devices := rapid.IntRange(fewest, 3).Draw(t, "devices")
	kind := rapid.SampledFrom([]string{"", "gpu"}).Draw(t, "kind")
	for range devices {
		opts := DeviceOptions{Name: "d", Kind: kind, Lanes: rapid.IntRange(1, 3).Draw(t, "lanes")}
		if opts.Lanes == 2 && rapid.Bool().Draw(t, "staged") {
			opts.Stage = time.Duration(rapid.IntRange(1, 3000).Draw(t, "stage")) * time.Microsecond
		}
		if o.hangs && opts.Stage == 0 {
			opts.Spares = rapid.IntRange(0, 4).Draw(t, "spares")
		}
		if o.faults && rapid.Bool().Draw(t, "bounded") {
			opts.FallbackShare = rapid.Float64Range(0.05, 1).Draw(t, "fallback share")
		}
		if o.spread && rapid.Bool().Draw(t, "spreads") {
			opts.SpreadAfter = time.Duration(rapid.IntRange(1, 3000).Draw(t, "spread after")) * time.Microsecond
		}
		device0(t, s, opts)
	}
	models := rapid.IntRange(1, 4).Draw(t, "models")
	for range models {
		addDrawn(t, s, devices)
	}
	if o.faults {
		for _, m := range s.models {
			m.hedges = 1000 // what many requests would have earned
		}
	}
	r := newRig(t, s)
	r.conserve = !o.spread
	r.slow = rapid.Bool().Draw(t, "lanes come late")
	if o.noise {
		r.draw = func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "repair") }
		r.took = func(b *Batch) time.Duration {
			factor := rapid.SampledFrom([]float64{0.5, 0.9, 1, 1, 1.1, 2, 20}).Draw(t, "factor")
			return time.Duration(factor*float64(r.run(b))) + 1
		}
		r.fails = func(*Batch) Outcome {
			return rapid.SampledFrom([]Outcome{Ran, Ran, Ran, Ran, Ran, Ran, RowsFailed, Failed, Failed, DeviceFailed, DeviceLost}).Draw(t, "outcome")
		}
	}
	if usual := r.took; o.hangs {
		r.took = func(b *Batch) time.Duration {
			if rapid.IntRange(0, 5).Draw(t, "hangs") > 0 {
				return usual(b)
			}
			return time.Duration(rapid.IntRange(0, 4000).Draw(t, "for")) * ms
		}
	}
	most := rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5}).Draw(t, "most")
	return &scene{rig: r, models: models, faults: o.faults, hangs: o.hangs, most: most}
}

func addDrawn(t *rapid.T, s *Scheduler, devices int) {
	maxBatch := rapid.IntRange(1, 16).Draw(t, "max batch")
	opts := ModelOptions{
		Name: "m", MaxBatch: maxBatch, MaxQueueRows: rapid.IntRange(maxBatch, 200).Draw(t, "queue rows"),
		Weight: float64(rapid.IntRange(1, 3).Draw(t, "weight")), Fallback: Fallback(rapid.IntRange(0, Fallbacks-1).Draw(t, "fallback")),
	}
	first := rapid.IntRange(0, devices-1).Draw(t, "first device")
	alike := rapid.Bool().Draw(t, "alike")
	for i := range rapid.IntRange(1, devices).Draw(t, "on") {
		on := ModelDevice{Device: DeviceID((first + i) % devices)}
		on.Curve = line(maxBatch, time.Duration(rapid.IntRange(1, 5000).Draw(t, "base"))*time.Microsecond, time.Duration(rapid.IntRange(0, 500).Draw(t, "per row"))*time.Microsecond)
		if rapid.IntRange(0, 3).Draw(t, "padded") == 0 {
			on.Sizes = []int{1, maxBatch + 1}
		}
		if alike && i > 0 {
			on.Curve, on.Sizes = opts.Devices[0].Curve, opts.Devices[0].Sizes
		}
		opts.Devices = append(opts.Devices, on)
	}
	if _, err := s.AddModel(opts); err != nil {
		t.Fatalf("%v", err)
	}
}

// play draws one thing that happens.
func (s *scene) play(t *rapid.T) {
	if s.faults && rapid.IntRange(0, 7).Draw(t, "fault") == 0 {
		s.fault(t)
	}
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0:
		if len(s.items) > 0 {
			s.cancel(rapid.SampledFrom(s.items).Draw(t, "whom"))
		}
	case 1, 2, 3:
		most := 20000
		if s.hangs {
			most = 300000
		}
		s.advance(s.now.Add(time.Duration(rapid.IntRange(0, most).Draw(t, "pass")) * time.Microsecond))
	default:
		m := ModelID(rapid.IntRange(0, s.models-1).Draw(t, "model"))
		it := &Item{
			Model: m, Rows: rapid.IntRange(1, s.s.models[m].opts.MaxBatch).Draw(t, "rows"), Arrived: s.now,
			Deadline: s.now.Add(time.Duration(rapid.IntRange(0, 60000).Draw(t, "budget")) * time.Microsecond),
			Class:    task.Priority(rapid.IntRange(0, task.Priorities-1).Draw(t, "class")),
			Key:      uint64(max(0, rapid.IntRange(-80, 40).Draw(t, "key"))),
		}
		it.Most = s.mostOf(it.Key)
		if rapid.IntRange(0, 19).Draw(t, "collides") == 0 {
			it.Most = rapid.IntRange(0, 4).Draw(t, "most")
		}
		if it.Most > 0 {
			it.Rows = min(it.Rows, it.Most)
		}
		if rapid.IntRange(0, 9).Draw(t, "no deadline") == 0 {
			it.Deadline = clock.Never
		}
		if s.faults && rapid.Bool().Draw(t, "long budget") {
			it.Deadline = it.Deadline.Add(400 * ms)
		}
		s.arrive(it)
		s.items = append(s.items, it)
	}
}

// mostOf bounds the batches of a key.
func (s *scene) mostOf(key uint64) int {
	switch {
	case key == 0:
		return s.most
	case key%2 == 0:
		return 0
	}
	return 1 << (key / 2 % 4)
}

// fault draws one thing that happens to a device or a model from outside.
func (s *scene) fault(t *rapid.T) {
	d := DeviceID(rapid.IntRange(0, len(s.s.devices)-1).Draw(t, "device"))
	m := ModelID(rapid.IntRange(0, s.models-1).Draw(t, "model"))
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0, 1:
		s.s.CloseDevice(s.now, d, "test", &s.out)
	case 2, 3:
		s.s.OpenDevice(s.now, d, &s.out)
	case 4:
		s.s.SetSpeed(d, rapid.Float64Range(0.1, 1).Draw(t, "speed"))
	case 5:
		s.join(t, m, d)
	default:
		s.s.SetFallback(s.now, m, rapid.Bool().Draw(t, "allowed"), &s.out)
	}
	s.follow()
	s.check()
}

// join places a model on a device, if it is not there yet.
func (s *scene) join(t *rapid.T, id ModelID, d DeviceID) {
	m := s.s.models[id]
	if m.instance(s.s.devices[d]) != nil {
		return
	}
	on := ModelDevice{Device: d, Curve: m.opts.Devices[0].Curve}
	if rapid.Bool().Draw(t, "unlike") {
		on.Curve = flat(time.Duration(rapid.IntRange(1, 5000).Draw(t, "late device's cost")) * time.Microsecond)
	}
	if err := s.s.Place(id, rapid.IntRange(0, len(m.on)).Draw(t, "place"), on, false, &s.out); err != nil {
		t.Fatalf("%v", err)
	}
	s.joined++
}

func (s *scene) run(t *rapid.T) {
	fewest := 1
	if s.faults {
		fewest = 80 // else there are hardly any hedges
	}
	for range rapid.IntRange(fewest, 150).Draw(t, "events") {
		s.play(t)
	}
	s.settle()
}

// Exactly once, batches as they must be, deadline order, no idle lane beside feasible work,
// no more repair runs than allowed: the rig checks them all, under noise and failures.
func TestInvariantsUnderNoise(t *testing.T) {
	repairs, apart := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, sceneOptions{noise: true})
		s.run(t)
		repairs, apart = repairs+s.repair.runs, apart+s.repair.apart
	})
	if repairs < 20 || apart < 10 {
		t.Errorf("%d repair runs, %d items set apart: the test proves little", repairs, apart)
	}
	t.Logf("%d repair runs, %d items set apart", repairs, apart)
}

// The same while devices are closed and opened, slow down and break, and batches get stuck.
func TestInvariantsUnderFaults(t *testing.T) {
	var moved, hedged, tripped uint64
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, sceneOptions{noise: true, faults: true})
		s.run(t)
		for _, m := range s.s.models {
			for _, in := range m.on {
				moved += in.counts.Sent[Rescued]
				hedged += in.counts.Hedges
			}
		}
		for _, d := range s.s.devices {
			tripped += d.trips
		}
	})
	if moved < 10 || hedged < 5 || tripped < 10 {
		t.Errorf("%d items moved, %d hedges, %d trips: the test proves little", moved, hedged, tripped)
	}
	t.Logf("%d items moved, %d hedges, %d trips", moved, hedged, tripped)
}

// With exact predictions nothing that ran is late, probes aside.
func TestNothingIsLateWithExactPredictions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, sceneOptions{})
		probed := 0
		s.onBatch = func(b *Batch) {
			if b.Probe {
				probed += len(b.Items)
			}
		}
		s.run(t)
		if s.late > probed {
			t.Fatalf("%d late, %d of them were probes", s.late, probed)
		}
	})
}

// Held-back work is never stranded: settle fails if nothing is going to happen while
// items wait.
func TestSpreadingStrandsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { drawScene(t, sceneOptions{noise: true, spread: true}).run(t) })
}

// The same calls make the same decisions.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, sceneOptions{})
		type event struct {
			at clock.Instant
			it Item
		}
		var events []event
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			n := len(s.items)
			s.play(t)
			if len(s.items) > n {
				it := *s.items[n]
				events = append(events, event{s.now, Item{Model: it.Model, Rows: it.Rows, Arrived: it.Arrived, Deadline: it.Deadline, Class: it.Class, Key: it.Key}})
			}
		}
		again := func() string {
			fresh := New(SchedulerOptions{})
			for _, d := range s.s.devices {
				device0(t, fresh, d.opts)
			}
			for _, m := range s.s.models {
				if _, err := fresh.AddModel(m.opts); err != nil {
					t.Fatalf("%v", err)
				}
			}
			r := newRig(t, fresh)
			for _, e := range events {
				it := e.it
				r.advance(e.at)
				r.arrive(&it)
			}
			r.settle()
			return r.log
		}
		if a, b := again(), again(); a != b {
			t.Fatalf("two replays decide differently: %s and %s", a, b)
		}
	})
}

// More waiting never brings a prediction forward, and a further lane never puts one off.
func TestForecastsAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lanes := rapid.IntRange(1, 3).Draw(t, "lanes")
		curve := line(8, time.Duration(rapid.IntRange(1, 5000).Draw(t, "base")), time.Duration(rapid.IntRange(0, 1000).Draw(t, "per row")))
		build := func(lanes int) *rig { return one(t, lanes, ModelOptions{MaxBatch: 8}, curve) }
		less, more := build(lanes), build(lanes+1)
		var last clock.Instant
		for range rapid.IntRange(1, 100).Draw(t, "arrivals") {
			rows := rapid.IntRange(1, 8).Draw(t, "rows")
			probe := less.likely(task.Normal)
			if probe < last {
				t.Fatalf("with more waiting the prediction fell from %d to %d", last, probe)
			}
			last = probe
			if other := more.likely(task.Normal); other > probe {
				t.Fatalf("with a lane more the prediction rose from %d to %d", probe, other)
			}
			less.arrive(less.item(0, rows, time.Hour))
			more.arrive(more.item(0, rows, time.Hour))
		}
	})
}
