package batcher

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/cost"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// pair is a Batcher with a model on a GPU of one lane and a CPU of two; the outputs of the
// CPU are 1000 more.
type pair struct {
	*Batcher
	model    *Model
	gpu, cpu *echo
	eventsMu sync.Mutex
	events   []string
}

func startPair(t *testing.T, f policy.Fallback) *pair {
	t.Helper()
	p := &pair{gpu: &echo{cost: 5 * time.Millisecond}, cpu: &echo{cost: 8 * time.Millisecond, extra: 1000}}
	var err error
	p.Batcher, err = Start(Options{
		Devices:   []policy.DeviceOptions{{Name: "gpu", Lanes: 1}, {Name: "cpu", Lanes: 2}},
		HangLimit: time.Second,
		OnDevice: func(name string, state policy.DeviceState, reason string) {
			p.eventsMu.Lock()
			defer p.eventsMu.Unlock()
			p.events = append(p.events, fmt.Sprintf("%s %v %s", name, state, reason))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	curve := func(e *echo) cost.Curve { return cost.Curve{{Rows: 1, P50: e.cost}, {Rows: 8, P50: e.cost}} }
	p.model, err = p.Add(Spec{
		Name: "echo", MaxBatch: 8, Outputs: 1, Budget: time.Second, Fallback: f,
		Placements: []Placement{{Device: "gpu", Runner: p.gpu, Curve: curve(p.gpu)}, {Device: "cpu", Runner: p.cpu, Curve: curve(p.cpu)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask runs one request and wants it answered by a device, for a reason.
func (p *pair) ask(t *testing.T, rows int, device, reason string) time.Duration {
	t.Helper()
	tk := newTask(1, rows, 100*time.Millisecond)
	defer tk.Release()
	begin := time.Now()
	if err := p.model.Predict(tk); err != nil {
		t.Errorf("wanted from %s (%s), got %v", device, reason, err)
		return time.Since(begin)
	}
	took := time.Since(begin)
	if tk.Trace.Device != device || tk.Trace.Reason != reason {
		t.Errorf("answered by %s (%s), want %s (%s)", tk.Trace.Device, tk.Trace.Reason, device, reason)
	}
	want := uint64(2)
	if device == "cpu" {
		want += 1000
	}
	if got := binary.LittleEndian.Uint64(tk.Outputs[0].Data); got != want || len(tk.Outputs[0].Data) != 8*rows {
		t.Errorf("the first of %d bytes is %d, want %d", len(tk.Outputs[0].Data), got, want)
	}
	return took
}

func (p *pair) wantEvents(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	p.eventsMu.Lock()
	defer p.eventsMu.Unlock()
	if fmt.Sprint(p.events) != fmt.Sprint(want) {
		t.Errorf("events %q, want %q", p.events, want)
	}
}

const ms = time.Millisecond

// firstPause is how long a device that has broken takes no work at first.
const firstPause = 100 * ms

var errBroken = errors.New("broken")

func TestFailureOfADeviceIsRunElsewhere(t *testing.T) {
	f := func(name string, err error, gpuRuns int) {
		synctest.Test(t, func(t *testing.T) {
			p := startPair(t, policy.FallbackFailure)
			defer p.Close()
			p.gpu.fail = func([]uint64) error { return err }
			p.ask(t, 3, "cpu", "rescue")
			if n := len(p.gpu.seen()); n != gpuRuns {
				t.Errorf("%s: %d runs on the first device, want %d", name, n, gpuRuns)
			}
		})
	}
	f("the device's", &task.DeviceError{Cause: errBroken}, 1)
	f("anyone's: all fail alone as well", fault.Wrap(fault.InferenceFailed, errBroken, "the run failed"), 1)
}

// A device that fails when no other has the time left costs the request its deadline. The model did
// not fail it.
func TestFailureThatLeavesNoTime(t *testing.T) {
	for _, sticky := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := startPair(t, policy.FallbackFailure)
			defer p.Close()
			p.gpu.fail = func([]uint64) error {
				time.Sleep(5 * time.Millisecond)
				return &task.DeviceError{Sticky: sticky, Cause: errBroken}
			}
			tk := newTask(1, 1, 15*time.Millisecond)
			defer tk.Release()
			if err := p.model.Predict(tk); !fault.Is(err, fault.DeadlineExceeded) {
				t.Errorf("lost %v: got %v", sticky, err)
			}
			if n := len(p.cpu.seen()); n > 0 {
				t.Errorf("lost %v: %d runs on the CPU; the scene leaves it no time", sticky, n)
			}
		})
	}
}

// What is wrong with a row is so on every device.
func TestBadRowsFailAfterAllDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, policy.FallbackBudget)
		defer p.Close()
		bad := func([]uint64) error { return fault.Wrap(fault.InferenceFailed, errBroken, "the run failed") }
		p.gpu.fail, p.cpu.fail = bad, bad
		tk := newTask(1, 1, 100*time.Millisecond)
		defer tk.Release()
		if err := p.model.Predict(tk); !fault.Is(err, fault.InferenceFailed) {
			t.Errorf("got %v", err)
		}
		if a, b := len(p.gpu.seen()), len(p.cpu.seen()); a != 1 || b != 1 {
			t.Errorf("%d runs on one device, %d on the other; want one each", a, b)
		}
	})
}

func TestLostDeviceComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, policy.FallbackBudget)
		defer p.Close()
		lost := true
		p.gpu.fail = func([]uint64) error {
			if lost {
				return &task.DeviceError{Sticky: true, Cause: errBroken}
			}
			return nil
		}
		p.ask(t, 1, "cpu", "rescue")
		p.wantEvents(t, "gpu broken the device is lost")
		p.ask(t, 1, "cpu", "breaker")
		time.Sleep(firstPause)
		p.ask(t, 1, "cpu", "breaker") // a copy of it fails on the GPU
		lost = false
		p.ask(t, 1, "cpu", "breaker")
		time.Sleep(2 * firstPause)
		p.ask(t, 1, "gpu", "") // a copy there is the faster
		p.wantEvents(t, "gpu broken the device is lost", "gpu up ")
		p.ask(t, 1, "gpu", "")
	})
}

func TestCloseDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, policy.FallbackFailure)
		defer p.Close()
		var wg sync.WaitGroup
		wg.Go(func() { p.ask(t, 8, "gpu", "") })
		synctest.Wait()
		wg.Go(func() { p.ask(t, 8, "cpu", "rescue") })
		synctest.Wait()
		if err := p.CloseDevice("gpu", "its process died"); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		p.ask(t, 1, "cpu", "closed")
		if got := p.Devices()[0]; got.State != policy.DeviceClosed || got.Reason != "its process died" {
			t.Errorf("the device is %v because of %q", got.State, got.Reason)
		}
		if err := p.OpenDevice("gpu"); err != nil {
			t.Fatal(err)
		}
		p.ask(t, 1, "gpu", "")
		p.wantEvents(t, "gpu closed its process died", "gpu up ")
		if err := p.CloseDevice("tpu", ""); err == nil {
			t.Error("closed a device that is not there")
		}
		if err := p.SetSpeed("gpu", 0); err == nil {
			t.Error("took a speed of 0")
		}
	})
}

func TestNeverFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, policy.FallbackNever)
		defer p.Close()
		var wg sync.WaitGroup
		wg.Go(func() { p.ask(t, 8, "gpu", "") })
		synctest.Wait()
		for range 2 {
			wg.Go(func() {
				tk := newTask(1, 1, time.Second)
				defer tk.Release()
				if err := p.model.Predict(tk); !fault.Is(err, fault.NoCapacity) {
					t.Errorf("got %v", err)
				}
			})
			synctest.Wait()
			if err := p.CloseDevice("gpu", "test"); err != nil { // with one queued, and before one comes
				t.Fatal(err)
			}
		}
		wg.Wait()
	})
}

// The faster of two runs of a stuck batch's request answers it, and nobody writes to it after.
func TestHedgeWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPair(t, policy.FallbackBudget)
		earnHedges(t, p.model, 1)
		p.gpu.cost = 60 * time.Millisecond // longer than its curve says
		tk := newTask(1, 2, 100*time.Millisecond)
		begin := time.Now()
		if err := p.model.Predict(tk); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 20*time.Millisecond {
			t.Errorf("answered after %v", took)
		}
		if tk.Trace.Device != "cpu" || tk.Trace.Reason != "hedge" {
			t.Errorf("answered by %s (%s)", tk.Trace.Device, tk.Trace.Reason)
		}
		time.Sleep(100 * time.Millisecond) // the stuck run ends
		if got := binary.LittleEndian.Uint64(tk.Outputs[0].Data[8:]); got != 1003 {
			t.Errorf("after the slower run the second row is %d, want the faster one's 1003", got)
		}
		tk.Release()
		if s, _ := p.model.Stats(); s.Completed != hedgeEvery+1 || s.Devices[1].HedgesWon != 1 {
			t.Errorf("%d completed, %d hedges won", s.Completed, s.Devices[1].HedgesWon)
		}
		p.Close()
	})
}

// The faster run is that of the stuck batch after all; or one of the two fails.
func TestHedgeLosesOrFails(t *testing.T) {
	f := func(name string, gpuCost, cpuCost time.Duration, gpuErr, cpuErr error, device, reason string) {
		synctest.Test(t, func(t *testing.T) {
			p := startPair(t, policy.FallbackBudget)
			earnHedges(t, p.model, 1)
			p.gpu.cost, p.cpu.cost = gpuCost, cpuCost
			p.gpu.fail = func([]uint64) error { return gpuErr }
			p.cpu.fail = func([]uint64) error { return cpuErr }
			p.ask(t, 2, device, reason)
			if n := len(p.cpu.seen()); n == 0 {
				t.Errorf("%s: no hedge", name)
			}
			time.Sleep(time.Second)
			p.Close()
		})
	}
	bad := fault.Wrap(fault.InferenceFailed, errBroken, "the run failed")
	f("loses", 15*ms, 30*ms, nil, nil, "gpu", "")
	f("fails first", 40*ms, 8*ms, nil, bad, "gpu", "")
	f("wins over a failure", 15*ms, 20*ms, bad, nil, "cpu", "hedge")
	f("wins over a lost device", 15*ms, 20*ms, &task.DeviceError{Sticky: true, Cause: errBroken}, nil, "cpu", "hedge")
}

// hedgeEvery is how many admitted items let one run a second time.
const hedgeEvery = 100

// earnHedges has a model run a request of so many parts that n items may run a second time.
func earnHedges(t *testing.T, m *Model, n int) {
	t.Helper()
	tk := newTask(1<<50, hedgeEvery*n, time.Hour)
	defer tk.Release()
	tk.MostRows, tk.ShapeKey = 1, 1
	if err := m.Predict(tk); err != nil {
		t.Fatal(err)
	}
}
