package nvml

import (
	"fmt"
	"slices"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"sluice/internal/telemetry"
)

// Reading is one quantity, in base units.
type Reading = telemetry.Reading

func reading(ret nvml.Return, value float64) Reading {
	if ret != nvml.SUCCESS {
		return Reading{}
	}
	return Reading{Value: value, Known: true}
}

// Sample is the state of all GPUs at one time.
type Sample struct {
	At time.Time // when it was complete; a hanging driver lets it grow old
	// Took is how long the library's calls lasted.
	Took time.Duration
	GPUs []State // by index
}

// State is one GPU in a sample.
type State struct {
	// Lost tells that the GPU does not answer; no reading is known then.
	Lost bool

	telemetry.GPUReadings // Energy counts from Open

	// Reasons say why the clocks are not higher; ReasonsKnown tells whether the driver says.
	Reasons      Reasons
	ReasonsKnown bool
	// Slowdown is what OnThrottle was last told, 1 or more.
	Slowdown float64
	// Xids counts events by number, ascending, since Open.
	Xids []telemetry.XidCount
	// Faults are errors of single quantities in this sample, other than being unsupported.
	Faults []error

	applicationClock Reading // hertz: what a user set, maybe above what is reached
}

// sample reads all GPUs, publishes what it found, and then tells of changes.
func (m *Monitor) sample() {
	start := time.Now()
	s := &Sample{GPUs: make([]State, len(m.watched))}
	var tell []func()
	for i, w := range m.watched {
		state := &s.GPUs[i]
		wasLost := w.lost
		w.read(m.lib, state)
		if w.lost != wasLost && m.options.OnLost != nil {
			tell = append(tell, func() { m.options.OnLost(i, w.lost) })
		}
		if changed := w.throttle.observe(state); changed && m.options.OnThrottle != nil {
			tell = append(tell, func() { m.options.OnThrottle(i, state.Slowdown) })
		}
		state.Xids = m.xidCounts(i)
	}
	s.At = time.Now()
	s.Took = s.At.Sub(start)
	m.last.Store(s)
	// Afterwards, so that who is told finds the sample that it is told of.
	for _, f := range tell {
		f()
	}
}

// read fills the state of one GPU. A quantity that the chip does not support is not
// asked for again; other errors leave it out of this sample only.
func (w *watched) read(lib nvml.Interface, s *State) {
	if w.device == nil {
		s.Lost = w.lost
		return
	}
	lost := false
	w.quantities = slices.DeleteFunc(w.quantities, func(q quantity) bool {
		if lost {
			return false
		}
		switch ret := q.read(w.device, s); ret {
		case nvml.SUCCESS:
			return false
		case nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_NO_PERMISSION, nvml.ERROR_FUNCTION_NOT_FOUND, nvml.ERROR_DEPRECATED:
			return true
		case nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED:
			lost = true
		default:
			s.Faults = append(s.Faults, fmt.Errorf("cannot read the %s of GPU %d: %w", q.name, w.gpu.Index, ret))
		}
		return false
	})
	if !lost {
		lost = w.gpm.read(lib, w.device, w.gpu.Index, s)
	}
	w.lost = lost
	if lost {
		*s = State{Lost: true}
		w.gpm.primed = false
		return
	}
	w.sinceOpen(&s.Energy)
}

// sinceOpen turns the driver's energy counter into one that starts with the monitor. A
// counter that went back has begun anew with a reloaded driver.
func (w *watched) sinceOpen(energy *Reading) {
	if !energy.Known {
		return
	}
	if !w.energyBase.Known {
		w.energyBase = *energy
	}
	if energy.Value < w.energyBase.Value {
		w.energyBase.Value = 0
	}
	energy.Value -= w.energyBase.Value
}
