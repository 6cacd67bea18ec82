package batcher

import (
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/cost"
	"sluice/internal/fault"
)

// clients ask a model for one row after the other until stop is closed. Each answer must come, and be that of the
// device that the trace names, with the reason that belongs to it.
func clients(t *testing.T, m *Model, n int, stop chan struct{}, wg *sync.WaitGroup) {
	reasons := map[string]map[string]bool{"cpu": {"unavailable": true, "": true, "spill": true, "rescue": true, "hedge": true}, "gpu": {"": true}}
	extra := map[string]uint64{"cpu": 1000, "gpu": 0}
	for c := range n {
		wg.Go(func() {
			for row := uint64(c) << 32; ; row++ {
				select {
				case <-stop:
					return
				default:
				}
				tk := newTask(row, 1, 500*ms)
				if err := m.Predict(tk); err != nil {
					t.Errorf("client %d: %v", c, err)
					tk.Release()
					return
				}
				if got, want := binary.LittleEndian.Uint64(tk.Outputs[0].Data), row+1+extra[tk.Trace.Device]; got != want || !reasons[tk.Trace.Device][tk.Trace.Reason] {
					t.Errorf("client %d: %d from %s (%s), want %d", c, got, tk.Trace.Device, tk.Trace.Reason, want)
				}
				tk.Release()
			}
		})
	}
}

// scrape holds each look at a model against the one before it: devices only join, and nothing that
// is counted falls.
func scrape(t *testing.T, m *Model, last policy.ModelStats) policy.ModelStats {
	t.Helper()
	now, ok := m.Stats()
	if !ok {
		t.Fatal("the model is not there")
	}
	var names []string
	for _, d := range now.Devices {
		names = append(names, d.Name)
	}
	if cpu := names[len(names)-1]; cpu != "cpu" || len(names) == 2 && names[0] != "gpu" || len(names) < len(last.Devices) {
		t.Errorf("the devices are %v", names)
	}
	if now.Arrived < last.Arrived || now.Admitted < last.Admitted || now.Completed < last.Completed {
		t.Errorf("%+v follows %+v", now.Counts, last.Counts)
	}
	for i := range last.Devices {
		d, was := now.Devices[len(now.Devices)-1-i], last.Devices[len(last.Devices)-1-i]
		if d.Name != was.Name || d.Batches < was.Batches || d.BatchCounts.Rows < was.BatchCounts.Rows || d.Runs < was.Runs || d.Sent[policy.Absent] < was.Sent[policy.Absent] {
			t.Errorf("%+v follows %+v", d, was)
		}
	}
	return now
}

// A device joins a model under load: every request is answered, and by the device that is named;
// what was learned and counted stays; and whoever looks meanwhile sees the right devices.
func TestLateDeviceJoinsUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Start(Options{Devices: []policy.DeviceOptions{{Name: "gpu", Lanes: 2, Stage: ms}, {Name: "cpu", Lanes: 2, Spares: 3}}})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		curve := cost.Curve{{Rows: 1, P50: 4 * ms}, {Rows: 8, P50: 4 * ms}} // it is 8 ms
		m, err := b.Add(Spec{
			Name: "echo", MaxBatch: 8, Outputs: 1, Budget: time.Second, Displaced: true,
			Placements: []Placement{{Device: "cpu", Runner: &echo{cost: 8 * ms, extra: 1000}, Curve: curve}},
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		clients(t, m, 24, stop, &wg)
		var last policy.ModelStats
		look := func(d time.Duration) {
			for range d / ms {
				time.Sleep(ms)
				last = scrape(t, m, last)
			}
		}
		look(500 * ms)
		before := last
		gpu := inTurn{&echo{cost: 3 * ms}, make(chan struct{}, 1)}
		place := Placement{Device: "gpu", Runner: gpu, Curve: cost.Curve{{Rows: 1, P50: 3 * ms}, {Rows: 8, P50: 3 * ms}}}
		if err := m.Place(0, place, false); err != nil {
			t.Fatal(err)
		}
		last = scrape(t, m, last)
		cpu, was := last.Devices[1], before.Devices[0]
		full := func(d policy.InstanceStats) time.Duration { return d.Curve[len(d.Curve)-1].P50 }
		if full(was) < 7*ms || was.RowsPerSecond < 1000 {
			t.Errorf("runs of %v and %g rows per second: nothing was learned", full(was), was.RowsPerSecond)
		}
		if full(cpu) < 7*ms || cpu.RowsPerSecond < was.RowsPerSecond/2 {
			t.Errorf("the CPU's runs of %v at %g rows per second became runs of %v at %g", full(was), was.RowsPerSecond, full(cpu), cpu.RowsPerSecond)
		}
		look(500 * ms)
		close(stop)
		wg.Wait()
		if last.Devices[0].Sent[policy.Direct] < 1000 || last.Devices[0].Batches < 100 {
			t.Errorf("the late device had %+v", last.Devices[0].BatchCounts)
		}
		if err := m.Place(0, place, false); err == nil {
			t.Error("a device joined twice")
		}
		if err := m.Place(0, Placement{Device: "tpu"}, false); err == nil {
			t.Error("a device joined that is not there")
		}
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := m.Place(0, place, false); err == nil {
			t.Error("a device joined a model that is closed")
		}
	})
}

// A batch that a device was running alone when another one joined is hedged and evacuated like any
// other: its rows are answered once.
func TestLateDeviceHelpsRunningBatches(t *testing.T) {
	f := func(name string, fail error, took time.Duration, device, reason string) {
		synctest.Test(t, func(t *testing.T) {
			b, err := Start(Options{Devices: []policy.DeviceOptions{{Name: "gpu", Lanes: 1}, {Name: "cpu", Lanes: 1, Spares: 1}}})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			cpu := &echo{cost: took, extra: 1000, fail: func([]uint64) error { return fail }}
			flat := cost.Curve{{Rows: 1, P50: 8 * ms}, {Rows: 8, P50: 8 * ms}}
			m, err := b.Add(Spec{Name: "echo", MaxBatch: 8, Outputs: 1, Budget: time.Second, Placements: []Placement{{Device: "cpu", Runner: cpu, Curve: flat}}})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				tk := newTask(1, 2, 300*ms)
				defer tk.Release()
				if err := m.Predict(tk); err != nil || tk.Trace.Device != device || tk.Trace.Reason != reason {
					t.Errorf("%s: %v from %s (%s)", name, err, tk.Trace.Device, tk.Trace.Reason)
				}
			})
			synctest.Wait()
			if err := m.Place(0, Placement{Device: "gpu", Runner: &echo{cost: 5 * ms}, Curve: flat}, false); err != nil {
				t.Error(err)
			}
			wg.Wait()
		})
	}
	f("it goes well", nil, 8*ms, "cpu", "")
	f("it fails", fault.Wrap(fault.InferenceFailed, errBroken, "the run failed"), 8*ms, "gpu", "")
}
