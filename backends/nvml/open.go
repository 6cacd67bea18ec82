package nvml

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// ErrAbsent is the state of a machine on which there is nothing to watch: no library, no
// driver, or no GPU. It is normal, and errors.Is finds it in what Open returns.
var ErrAbsent = errors.New("nvml is absent")

const (
	defaultPeriod      = time.Second
	defaultEventPeriod = 50 * time.Millisecond
	// minPeriod is the least distance of two samples for which the GPU's own counters
	// (GPM) are defined.
	minPeriod = 100 * time.Millisecond
	// closeLimit is how long Close waits for a library call that hangs, as calls to a
	// dying GPU may.
	closeLimit = 2 * time.Second
)

// Options say what to watch and whom to tell; the zero value watches all GPUs and tells
// nobody. Callbacks must not block and must not call Close; the first sample, in which a
// GPU may already be lost, is taken before Open returns.
type Options struct {
	// Library is the path or name of the library; "" means libnvidia-ml.so.1.
	Library string
	// Period is the time between samples; 0 means a second, at least 100 ms. The driver
	// itself renews utilisation between 1 and 6 times a second. A shorter period tells of
	// throttling sooner and costs a sample each time.
	Period time.Duration
	// EventPeriod is the time between polls for events, and so the longest that an Xid
	// waits to be told; 0 means 50 ms, at least 1 ms.
	EventPeriod time.Duration
	// OnThrottle is told how many times slower than normal a GPU's clock makes it, 1 or
	// more: its normal SM clock over the present one, while the driver names a reason that
	// slows it and it is at work (throttle.go has the source and the limits of this). It is
	// called when the ratio changes by a twentieth or more, and with 1 when the GPU is back
	// at its normal clock.
	OnThrottle func(gpu int, ratio float64)
	// OnXid is told of each Xid; critical means that the GPU can run nothing until it is
	// reset (see LookupXid). A gpu of -1 means that the driver did not say which one.
	OnXid func(gpu int, xid uint64, critical bool)
	// OnLost is told when a GPU becomes unreachable, and when it is back.
	OnLost func(gpu int, lost bool)
}

// Monitor watches the GPUs from Open to Close. Its methods may be called from any
// goroutine, also after Close: they then go on to tell of the last sample.
type Monitor struct {
	options Options
	lib     nvml.Interface
	driver  Driver
	gpus    []GPU
	watched []*watched
	events  nvml.EventSet // nil where there are none
	last    atomic.Pointer[Sample]

	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
	closing error

	mu struct {
		sync.Mutex
		xids map[xidKey]uint64
	}
}

// Open loads the library, finds the GPUs, takes a first sample and begins to watch. It
// returns an error that is ErrAbsent where there is nothing to watch, and another one
// where the driver or the options are at fault. Where the driver is not kept loaded
// (persistence mode) it wakes the GPUs first, which takes seconds.
func Open(o Options) (*Monitor, error) {
	var library []nvml.LibraryOption
	if o.Library != "" {
		library = append(library, nvml.WithLibraryPath(o.Library))
	}
	return open(nvml.New(library...), o)
}

func open(lib nvml.Interface, o Options) (*Monitor, error) {
	if o.Period == 0 {
		o.Period = defaultPeriod
	}
	if o.EventPeriod == 0 {
		o.EventPeriod = defaultEventPeriod
	}
	if o.Period < minPeriod {
		return nil, fmt.Errorf("cannot sample GPUs every %v: the least period is %v", o.Period, minPeriod)
	}
	if o.EventPeriod < time.Millisecond {
		return nil, fmt.Errorf("cannot poll GPU events every %v: the least period is %v", o.EventPeriod, time.Millisecond)
	}
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return nil, initError(ret, o.Library)
	}
	m := &Monitor{options: o, lib: lib, stop: make(chan struct{}), done: make(chan struct{})}
	m.mu.xids = map[xidKey]uint64{}
	if err := m.find(); err != nil {
		_ = lib.Shutdown() // why there is nothing to watch says more
		return nil, err
	}
	m.register()
	m.sample()

	var running sync.WaitGroup
	running.Go(func() { m.every(o.Period, m.sample) })
	if m.events != nil {
		running.Go(func() { m.every(o.EventPeriod, m.poll) })
	}
	go func() {
		running.Wait()
		close(m.done)
	}()
	return m, nil
}

// every does something once a period until the monitor closes.
func (m *Monitor) every(period time.Duration, do func()) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-ticker.C:
			do()
		}
	}
}

// initError tells the states of a machine apart: nothing to watch, or something to mend.
func initError(ret nvml.Return, library string) error {
	if library == "" {
		library = "libnvidia-ml.so.1"
	}
	switch ret {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return fmt.Errorf("%w: %s cannot be loaded; install NVIDIA's driver, or in a container give it the driver's utility capability", ErrAbsent, library)
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return fmt.Errorf("%w: NVIDIA's kernel driver is not loaded; load it, or in a container pass the GPU's device files in", ErrAbsent)
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return errors.New("cannot initialise NVML: the library and the loaded kernel driver are of different versions; reboot, or reload the driver after its update")
	case nvml.ERROR_NO_PERMISSION:
		return errors.New("cannot initialise NVML: no permission to talk to the driver; check the rights on /dev/nvidiactl")
	default:
		return fmt.Errorf("cannot initialise NVML: %w", ret)
	}
}

// Driver says which software runs the GPUs.
func (m *Monitor) Driver() Driver { return m.driver }

// GPUs lists what was there when the monitor was opened, by index; callers must not
// change it.
func (m *Monitor) GPUs() []GPU { return m.gpus }

// Sample returns the latest sample, at no cost; callers must not change it.
func (m *Monitor) Sample() *Sample { return m.last.Load() }

// Close stops watching and unloads the library. It does not wait for a period to end. A
// library call that hangs for more than two seconds is left behind, with its goroutine
// and the library, and reported. A second Close returns what the first did.
func (m *Monitor) Close() error {
	m.once.Do(func() {
		close(m.stop)
		limit := time.NewTimer(closeLimit)
		defer limit.Stop()
		select {
		case <-m.done:
			m.closing = m.free()
		case <-limit.C:
			m.closing = fmt.Errorf("cannot close NVML: a call has not returned for %v, its GPU or driver hangs; the library stays loaded", closeLimit)
		}
	})
	return m.closing
}

// free gives back what Open took; no goroutine may be in the library any more.
func (m *Monitor) free() error {
	var faults []error
	note := func(what string, ret nvml.Return) {
		if ret != nvml.SUCCESS {
			faults = append(faults, fmt.Errorf("cannot %s: %w", what, ret))
		}
	}
	for _, w := range m.watched {
		w.gpm.free(m.lib)
	}
	if m.events != nil {
		note("free the NVML event set", m.events.Free())
	}
	note("shut NVML down", m.lib.Shutdown())
	return errors.Join(faults...)
}
