package nvml

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

func TestOpenTellsWhatIsMissing(t *testing.T) {
	f := func(change func(*machine, *Options), absent bool, wants ...string) {
		t.Helper()
		m := newMachine(1)
		var o Options
		change(m, &o)
		monitor, err := open(m, o)
		if err == nil {
			t.Errorf("opened, want an error with %q", wants)
			if err := monitor.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		if errors.Is(err, ErrAbsent) != absent {
			t.Errorf("%v: absent should be %v", err, absent)
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v: not one sentence with %q", err, want)
			}
		}
	}
	fails := func(ret nvml.Return) func(*machine, *Options) { return func(m *machine, _ *Options) { m.init = ret } }
	f(fails(nvml.ERROR_LIBRARY_NOT_FOUND), true, "libnvidia-ml.so.1 cannot be loaded", "install")
	f(fails(nvml.ERROR_DRIVER_NOT_LOADED), true, "kernel driver is not loaded")
	f(func(m *machine, _ *Options) { m.chips = nil }, true, "no GPU")
	f(fails(nvml.ERROR_LIB_RM_VERSION_MISMATCH), false, "different versions", "reboot")
	f(fails(nvml.ERROR_NO_PERMISSION), false, "/dev/nvidiactl")
	f(fails(nvml.ERROR_UNKNOWN), false, "cannot initialise NVML", "ERROR_UNKNOWN")
	f(func(_ *machine, o *Options) { o.Period = 99 * time.Millisecond }, false, "99ms", "100ms")
	f(func(_ *machine, o *Options) { o.Period = -1 }, false, "100ms")
	f(func(_ *machine, o *Options) { o.EventPeriod = time.Microsecond }, false, "1µs", "1ms")

	m := newMachine(0)
	if _, err := open(m, Options{}); err == nil || m.counts.shutdowns != 1 {
		t.Errorf("error %v, and the library was shut down %d times, want once", err, m.counts.shutdowns)
	}
}

func TestOpenWithoutLibrary(t *testing.T) {
	for range 2 { // and again: the first time must leave nothing behind
		_, err := Open(Options{Library: "/nonexistent/libnvidia-ml.so.1"})
		if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "/nonexistent/libnvidia-ml.so.1") {
			t.Errorf("error %v, want ErrAbsent with the path", err)
		}
	}
}

// TestOneGPUCannotBeOpened wants the others watched.
func TestOneGPUCannotBeOpened(t *testing.T) {
	f := func(ret nvml.Return, lost bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(2)
			m.chips[0].fail("handle", ret)
			monitor, s := second(t, m, Options{})
			if g := monitor.GPUs()[0]; !strings.Contains(g.Fault, "cannot open GPU 0") || g.UUID != "" {
				t.Errorf("the GPU without a handle is %+v", g)
			}
			if s.GPUs[0].Lost != lost || s.GPUs[0].Power.Known || !s.GPUs[1].Power.Known {
				t.Errorf("states %+v", s.GPUs)
			}
		})
	}
	f(nvml.ERROR_GPU_IS_LOST, true)
	f(nvml.ERROR_NO_PERMISSION, false)
}

func TestLostGPU(t *testing.T) {
	for _, ret := range []nvml.Return{nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED} {
		for _, how := range []string{"all", "energy", "gpm sample"} {
			t.Run(fmt.Sprint(how, ret), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { loseGPU(t, how, ret) })
			})
		}
	}
}

func loseGPU(t *testing.T, how string, ret nvml.Return) {
	m := newMachine(2)
	var told []string
	var monitor *Monitor
	monitor, _ = second(t, m, Options{OnLost: func(gpu int, lost bool) {
		if monitor.Sample().GPUs[gpu].Lost != lost {
			t.Error("told before the sample shows it")
		}
		told = append(told, fmt.Sprint(gpu, lost))
	}})
	lost := m.chips[1]
	fail := func(ret nvml.Return) {
		if how == "all" {
			lost.failAll(ret)
		} else {
			lost.fail(how, ret)
		}
	}
	fail(ret)
	asked := lost.asked("temperature")
	time.Sleep(5 * defaultPeriod)
	synctest.Wait()
	s := monitor.Sample()
	wantState(t, s.GPUs[0], fullState())
	wantState(t, s.GPUs[1], State{Lost: true, Slowdown: 1})
	if n := lost.asked("temperature") - asked; how == "all" && n != 0 {
		t.Errorf("a GPU that does not answer was asked %d more questions", n)
	}
	fail(nvml.SUCCESS)
	time.Sleep(defaultPeriod)
	synctest.Wait()
	wantState(t, monitor.Sample().GPUs[1], without("gpm sample")) // counters need a sample from after the loss
	time.Sleep(defaultPeriod)
	synctest.Wait()
	wantState(t, monitor.Sample().GPUs[1], fullState())
	if want := "[1 true 1 false]"; fmt.Sprint(told) != want {
		t.Errorf("told %v, want %v", told, want)
	}
}

// TestCloseAtOnce has no period end and no event come.
func TestCloseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(2)
		monitor, err := open(m, Options{Period: time.Hour, EventPeriod: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		if err := errors.Join(monitor.Close(), monitor.Close()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("closing took %v", took)
		}
		if m.counts.shutdowns != 1 || m.counts.setFrees != 1 || m.counts.gpmFrees != 4 {
			t.Errorf("closed with the counts %+v", m.counts)
		}
		if s := monitor.Sample(); len(s.GPUs) != 2 {
			t.Errorf("the sample after closing is %+v", s)
		}
	})
}

// TestCloseWhileCallHangs wants the hang reported, and the library kept for the call
// that is still in it.
func TestCloseWhileCallHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(1)
		monitor, err := open(m, Options{})
		if err != nil {
			t.Fatal(err)
		}
		hang := make(chan struct{})
		m.chips[0].set(func(c *chip) { c.block = hang })
		time.Sleep(3 * defaultPeriod)
		if age := time.Since(monitor.Sample().At); age < 2*defaultPeriod {
			t.Errorf("the sample is %v old beside a call that hangs", age)
		}
		start := time.Now()
		if err := monitor.Close(); err == nil || !strings.Contains(err.Error(), "hangs") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != closeLimit {
			t.Errorf("closing took %v", took)
		}
		if m.counts.shutdowns != 0 || m.counts.setFrees != 0 {
			t.Error("the library was shut down under a call")
		}
		close(hang) // lets the goroutine end: synctest and goleak want it gone
	})
}

// TestSampleUnderRace reads snapshots while they are replaced and while events come.
func TestSampleUnderRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(3)
		monitor := m.start(t, Options{Period: minPeriod, EventPeriod: time.Millisecond})
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				last := time.Time{}
				for range 300 {
					s := monitor.Sample()
					if len(s.GPUs) != 3 || s.At.Before(last) {
						t.Errorf("a sample of %d GPUs at %v after %v", len(s.GPUs), s.At, last)
					}
					last = s.At
					_ = monitor.Table()
					_ = monitor.Metrics()
					m.happen(xidEvent(m.chips[1], 31))
					time.Sleep(7 * time.Millisecond)
				}
			})
		}
		readers.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := fmt.Sprint(monitor.Sample().GPUs[1].Xids); got != "[{31 1200}]" {
			t.Errorf("Xids %s, want 1200 of 31", got)
		}
	})
}
