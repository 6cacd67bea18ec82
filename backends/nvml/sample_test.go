package nvml

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"sluice/internal/telemetry"
)

func known(v float64) Reading { return Reading{Value: v, Known: true} }

// fullState is what a healthy mock chip says.
func fullState() State {
	return State{
		GPUReadings: telemetry.GPUReadings{
			Utilization: known(0.8), MemoryUtilization: known(0.3),
			MemoryUsed: known(20 << 30), MemoryFree: known(60 << 30),
			Power: known(350.5), PowerLimit: known(700), Energy: known(0),
			SMClock: known(1980e6), MemoryClock: known(2619e6),
			Temperature: known(61), ECCCorrected: known(7), ECCUncorrected: known(1), Processes: known(3),
			SMActive: known(0.04), SMOccupancy: known(0.06), TensorActive: known(0.1), DRAMActive: known(0.2),
			PCIeSent: known(40 << 20), PCIeReceived: known(42 << 20),
		},
		applicationClock: known(1500e6), ReasonsKnown: true, Slowdown: 1,
	}
}

// second opens a monitor, lets one period pass and returns the second sample, in which
// the chip's own counters are known.
func second(t *testing.T, m *machine, o Options) (monitor *Monitor, s *Sample) {
	t.Helper()
	monitor = m.start(t, o)
	first := monitor.Sample()
	time.Sleep(defaultPeriod + time.Millisecond)
	synctest.Wait()
	s = monitor.Sample()
	if s == first {
		t.Fatal("no second sample after a period")
	}
	return monitor, s
}

func wantState(t *testing.T, got, want State) {
	t.Helper()
	near := func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		name := g.Type().Field(i).Name
		if g.Field(i).Type() == reflect.TypeFor[Reading]() {
			a, b := g.Field(i), w.Field(i)
			if a.Field(1).Bool() != b.Field(1).Bool() || !near(a.Field(0).Float(), b.Field(0).Float()) {
				t.Errorf("%s is %v, want %v", name, a, b)
			}
		} else if name != "Faults" && fmt.Sprint(g.Field(i)) != fmt.Sprint(w.Field(i)) {
			t.Errorf("%s is %v, want %v", name, g.Field(i), w.Field(i))
		}
	}
}

func TestReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(1)
		monitor, s := second(t, m, Options{})
		wantState(t, s.GPUs[0], fullState())
		if len(s.GPUs[0].Faults) != 0 {
			t.Errorf("faults %v", s.GPUs[0].Faults)
		}
		want := GPU{
			Index: 0, UUID: "GPU-a", Name: "NVIDIA H100 80GB HBM3", PCIBusID: "00000000:65:00.0",
			Memory: known(80 << 30), MaxSMClock: known(1980e6), MaxMemoryClock: known(2619e6), XidEvents: true,
		}
		if got := monitor.GPUs(); len(got) != 1 || got[0] != want {
			t.Errorf("GPUs %+v, want %+v", got, want)
		}
		if got, want := monitor.Driver(), (Driver{Version: "570.86.15", CUDA: "12.8", Library: "12.570.86.15"}); got != want {
			t.Errorf("driver %+v, want %+v", got, want)
		}
	})
}

// without is the full state less what one call gives.
func without(name string) State {
	s := fullState()
	for _, r := range map[string][]*Reading{
		"utilisation":            {&s.Utilization, &s.MemoryUtilization},
		"memory":                 {&s.MemoryUsed, &s.MemoryFree},
		"power":                  {&s.Power},
		"power limit":            {&s.PowerLimit},
		"energy":                 {&s.Energy},
		"SM clock":               {&s.SMClock},
		"memory clock":           {&s.MemoryClock},
		"application clock":      {&s.applicationClock},
		"temperature":            {&s.Temperature},
		"corrected ECC errors":   {&s.ECCCorrected},
		"uncorrected ECC errors": {&s.ECCUncorrected},
		"processes":              {&s.Processes},
		"gpm sample":             {&s.SMActive, &s.SMOccupancy, &s.TensorActive, &s.DRAMActive, &s.PCIeSent, &s.PCIeReceived},
		"gpm 2":                  {&s.TensorActive},
	}[name] {
		*r = Reading{}
	}
	if name == "clock reasons" {
		s.ReasonsKnown = false
	}
	return s
}

func callNames() []string {
	names := []string{"clock reasons"}
	for _, q := range quantities {
		names = append(names, q.name)
	}
	return names
}

// askedAtOpen is how often a call is made beside sampling: the size of the memory is
// asked for once, through a function that every library has.
func askedAtOpen(name string) int {
	if name == "memory" {
		return 1
	}
	return 0
}

// TestEachQuantityAlone takes each call away in each way, and wants all else unchanged.
func TestEachQuantityAlone(t *testing.T) {
	for _, name := range append(callNames(), "gpm sample") {
		if reflect.DeepEqual(without(name), fullState()) {
			t.Fatalf("this test does not know what %q gives", name)
		}
		for _, ret := range []nvml.Return{nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_NO_PERMISSION, nvml.ERROR_UNKNOWN, nvml.ERROR_TIMEOUT} {
			t.Run(fmt.Sprintf("%s/%v", name, ret), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { quantityAlone(t, name, ret) })
			})
		}
	}
}

func quantityAlone(t *testing.T, name string, ret nvml.Return) {
	m := newMachine(1)
	chip := m.chips[0]
	chip.fail(name, ret)
	monitor, s := second(t, m, Options{})
	wantState(t, s.GPUs[0], without(name))
	lasting := ret == nvml.ERROR_NOT_SUPPORTED || ret == nvml.ERROR_NO_PERMISSION
	if faults := s.GPUs[0].Faults; lasting && len(faults) != 0 {
		t.Errorf("faults %v for what is not supported", faults)
	} else if !lasting && (len(faults) != 1 || !errors.Is(faults[0], ret)) {
		t.Errorf("faults %v, want the one of %q", faults, name)
	}
	// What is not supported is asked once, what failed is asked again and comes back.
	chip.fail(name, nvml.SUCCESS)
	time.Sleep(2 * defaultPeriod)
	synctest.Wait()
	after := monitor.Sample().GPUs[0]
	if lasting {
		wantState(t, after, without(name))
		if n := chip.asked(name) - askedAtOpen(name); n != 1 {
			t.Errorf("%q was asked for %d times, want once", name, n)
		}
	} else {
		wantState(t, after, fullState())
	}
}

// TestMissingSymbols leaves functions out of the library, as older drivers do. Calling
// one would end a real process.
func TestMissingSymbols(t *testing.T) {
	f := func(call string, symbols ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(1)
			for _, symbol := range symbols {
				m.missing[symbol] = true
			}
			_, s := second(t, m, Options{})
			wantState(t, s.GPUs[0], without(call))
			if n := m.chips[0].asked(call) - askedAtOpen(call); n != 0 {
				t.Errorf("%q was asked for %d times without %v", call, n, symbols)
			}
		})
	}
	for _, q := range quantities {
		if q.symbol != "nvmlDeviceGetClockInfo" && q.symbol != "nvmlDeviceGetTotalEccErrors" { // of two quantities each
			f(q.name, q.symbol)
		}
	}
	for _, symbol := range gpmSymbols {
		f("gpm sample", symbol)
	}
	f("clock reasons", "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")

	// The old name stands in for the new one.
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(1)
		m.missing["nvmlDeviceGetCurrentClocksEventReasons"] = true
		_, s := second(t, m, Options{})
		wantState(t, s.GPUs[0], fullState())
		if m.chips[0].asked("old clock reasons") != 2 || m.chips[0].asked("clock reasons") != 0 {
			t.Error("the older driver's call was not used")
		}
	})
}

func TestCounters(t *testing.T) {
	f := func(name, call string, ret nvml.Return, want State) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(1)
			m.chips[0].fail(call, ret)
			monitor, s := second(t, m, Options{})
			t.Log(name)
			wantState(t, s.GPUs[0], want)
			if err := monitor.Close(); err != nil {
				t.Error(err)
			}
			if m.counts.gpmAllocs != m.counts.gpmFrees {
				t.Errorf("%s: %d counter samples allocated and %d freed", name, m.counts.gpmAllocs, m.counts.gpmFrees)
			}
		})
	}
	f("chip without", "gpm support", nvml.ERROR_NOT_SUPPORTED, without("gpm sample"))
	f("GPU in parts", "gpm sample", nvml.ERROR_NOT_SUPPORTED, without("gpm sample"))
	f("one counter less", "gpm 2", nvml.ERROR_NOT_SUPPORTED, without("gpm 2"))
	f("no difference", "gpmMetrics", nvml.ERROR_UNKNOWN, without("gpm sample"))

	synctest.Test(t, func(t *testing.T) {
		if s := newMachine(1).start(t, Options{}).Sample(); s.GPUs[0].SMActive.Known {
			t.Error("a difference is known from one sample")
		}
	})
}

func TestEnergyCountsFromOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(1)
		monitor := m.start(t, Options{})
		var got []float64
		for _, energy := range []uint64{5_000_000, 5_250_500, 3_000} { // the last: the driver was reloaded
			m.chips[0].set(func(c *chip) { c.energy = energy })
			time.Sleep(defaultPeriod)
			synctest.Wait()
			got = append(got, monitor.Sample().GPUs[0].Energy.Value)
		}
		if want := []float64{0, 250.5, 3}; !slices.Equal(got, want) {
			t.Errorf("energy %v, want %v", got, want)
		}
	})
}
