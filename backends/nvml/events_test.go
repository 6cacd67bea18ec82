package nvml

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

func TestXids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(2)
		var told []string
		monitor := m.start(t, Options{OnXid: func(gpu int, xid uint64, critical bool) {
			told = append(told, fmt.Sprint(gpu, " ", xid, " ", critical))
		}})
		twin, stranger := newChip(1), newChip(7) // another handle of GPU 1; and a GPU that is not watched
		mute := newChip(1)
		mute.fail("uuid", nvml.ERROR_GPU_IS_LOST)
		other := xidEvent(m.chips[0], 1)
		other.EventType = nvml.EventTypePState
		m.happen(xidEvent(m.chips[1], 13), other, xidEvent(m.chips[0], 79), xidEvent(twin, 13),
			xidEvent(stranger, 48), xidEvent(mute, 95), xidEvent(nil, 9999))
		time.Sleep(defaultEventPeriod)
		synctest.Wait()
		want := []string{"1 13 false", "0 79 true", "1 13 false", "-1 48 true", "-1 95 true", "-1 9999 false"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		time.Sleep(defaultPeriod)
		synctest.Wait()
		s := monitor.Sample()
		if got, want := fmt.Sprint(s.GPUs[0].Xids), "[{48 1} {79 1} {95 1} {9999 1}]"; got != want {
			t.Errorf("Xids of GPU 0 %s, want %s", got, want)
		}
		if got, want := fmt.Sprint(s.GPUs[1].Xids), "[{13 2} {48 1} {95 1} {9999 1}]"; got != want {
			t.Errorf("Xids of GPU 1 %s, want %s", got, want)
		}
		for _, wait := range m.waits {
			if wait != 0 {
				t.Fatalf("a poll blocked for up to %d ms", wait)
			}
		}
	})
}

// TestStormOfXids has more events than a poll takes: none is lost, and Close waits for
// one poll at most.
func TestStormOfXids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(1)
		var told atomic.Int64
		monitor := m.start(t, Options{OnXid: func(int, uint64, bool) { told.Add(1) }})
		for range 3 * maxEvents {
			m.happen(xidEvent(m.chips[0], 31))
		}
		for poll := range 4 {
			time.Sleep(defaultEventPeriod)
			synctest.Wait()
			if got, want := told.Load(), int64(min(poll+1, 3)*maxEvents); got != want {
				t.Errorf("told %d events after %d polls, want %d", got, poll+1, want)
			}
		}
		for range 10 * maxEvents {
			m.happen(xidEvent(m.chips[0], 31))
		}
		if err := monitor.Close(); err != nil {
			t.Error(err)
		}
		if got := told.Load(); got > 4*maxEvents {
			t.Errorf("%d events told before closing", got)
		}
	})
}

func TestWithoutEvents(t *testing.T) {
	f := func(call string, ret nvml.Return, frees int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(1)
			m.chips[0].fail(call, ret)
			monitor, s := second(t, m, Options{OnXid: func(int, uint64, bool) { t.Error("an event came") }})
			wantState(t, s.GPUs[0], fullState())
			if monitor.GPUs()[0].XidEvents || len(m.waits) != 0 || m.counts.setFrees != frees {
				t.Errorf("%s: events %v, %d waits, %d sets freed", call, monitor.GPUs()[0].XidEvents, len(m.waits), m.counts.setFrees)
			}
		})
	}
	f("event types", nvml.ERROR_NOT_SUPPORTED, 1)
	f("register", nvml.ERROR_NOT_SUPPORTED, 1)

	synctest.Test(t, func(t *testing.T) {
		m := newMachine(1)
		m.EventSetCreateFunc = func() (nvml.EventSet, nvml.Return) { return nil, nvml.ERROR_UNKNOWN }
		_, s := second(t, m, Options{})
		wantState(t, s.GPUs[0], fullState())
	})
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(2)
		m.chips[0].fail("event types", nvml.ERROR_NOT_SUPPORTED)
		monitor := m.start(t, Options{})
		if monitor.GPUs()[0].XidEvents || !monitor.GPUs()[1].XidEvents || m.chips[1].register != nvml.EventTypeXidCriticalError {
			t.Errorf("events %+v, registered for %d", monitor.GPUs(), m.chips[1].register)
		}
	})
}

func TestLookupXid(t *testing.T) {
	f := func(code uint64, name string, effect Effect) {
		t.Helper()
		if got, want := LookupXid(code), (Xid{code, name, effect}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	f(13, "Graphics Engine Exception", Process)
	f(31, "GPU memory page fault", Process)
	f(43, "GPU stopped processing", Process)
	f(45, "Preemptive cleanup, due to previous errors", Process)
	f(48, "Double Bit ECC Error", Critical)
	f(62, "Internal micro-controller halt", Critical)
	f(63, "GPU memory remapping event", Harmless)
	f(64, "GPU memory remapping failure", Critical)
	f(74, "NVLINK Error", Critical)
	f(79, "GPU has fallen off the bus", Critical)
	f(92, "High single-bit ECC error rate", Harmless)
	f(94, "Contained memory error", Process)
	f(95, "Uncontained memory error", Critical)
	f(119, "GSP RPC Timeout", Critical)
	f(120, "GSP Error", Critical)
	f(4711, "Xid 4711 (see NVIDIA's catalog)", Harmless)
	if !slices.IsSortedFunc(xids, func(a, b Xid) int { return int(a.Code) - int(b.Code) }) {
		t.Error("the table is not in order")
	}
	for i := 1; i < len(xids); i++ {
		if xids[i].Code == xids[i-1].Code {
			t.Errorf("Xid %d is there twice", xids[i].Code)
		}
	}
}
