package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Reasons is a set of the driver's reasons for clocks that are not higher.
type Reasons uint64

// reasonNames are NVIDIA's reasons. Slow ones make the GPU slower than its settings
// allow; the others only say that it does nothing or does as it was set.
var reasonNames = []struct {
	bit  Reasons
	name string
	slow bool
}{
	{nvml.ClocksEventReasonGpuIdle, "gpu_idle", false},
	{nvml.ClocksEventReasonApplicationsClocksSetting, "applications_clocks_setting", false},
	{nvml.ClocksEventReasonSwPowerCap, "sw_power_cap", true},
	{nvml.ClocksThrottleReasonHwSlowdown, "hw_slowdown", true},
	{nvml.ClocksEventReasonSyncBoost, "sync_boost", true},
	{nvml.ClocksEventReasonSwThermalSlowdown, "sw_thermal_slowdown", true},
	{nvml.ClocksThrottleReasonHwThermalSlowdown, "hw_thermal_slowdown", true},
	{nvml.ClocksThrottleReasonHwPowerBrakeSlowdown, "hw_power_brake_slowdown", true},
	{nvml.ClocksEventReasonDisplayClockSetting, "display_clock_setting", false},
}

// Reason is one of the driver's reasons and whether it holds.
type Reason struct {
	Name   string // "sw_power_cap"
	Slow   bool   // it makes the GPU slower than its settings allow
	Active bool
}

// List returns all reasons that are known by name, in a fixed order.
func (r Reasons) List() []Reason {
	all := make([]Reason, len(reasonNames))
	for i, known := range reasonNames {
		all[i] = Reason{Name: known.name, Slow: known.slow, Active: r&known.bit != 0}
	}
	return all
}

// Slow reports whether one of the reasons makes the GPU slower than its settings allow.
func (r Reasons) Slow() bool {
	for _, known := range reasonNames {
		if known.slow && r&known.bit != 0 {
			return true
		}
	}
	return false
}

const (
	// busyUtilization is from when on a clock says something about work: below it the
	// driver saves power, and a low clock slows nothing down.
	busyUtilization = 0.1
	// A GPU is throttled from enterRatio on in enterSamples samples running, and until it
	// has been below leaveRatio in leaveSamples: clocks swing by some percent around a
	// power limit, and a signal that swung with them would move work to and fro.
	enterRatio, enterSamples = 1.05, 2
	leaveRatio, leaveSamples = 1.03, 3
	// changeRatio is how far the ratio moves before it is told again.
	changeRatio = 1.05
)

// throttle turns a GPU's samples into the signal of OnThrottle.
type throttle struct {
	maxClock Reading
	// unslowed is the highest SM clock seen under work and with no reason to be slow.
	unslowed float64
	ratio    float64 // as told; 0 before the first sample
	slow     int     // slow samples running, while not throttled
	normal   int     // normal samples running, while throttled
}

// slowdown is the ratio by which latencies grow, measured as the normal SM clock over
// the present one, while the driver names a reason that slows it and the GPU is at work:
//
//	slowdown = max(1, normal clock / SM clock)
//
// Latency is taken to be inverse to the clock, as in Clockwork (Gujarati et al., OSDI
// 2020), whose estimator stores latency times clock and divides by the clock of the day.
// That is right for work bound by arithmetic and too high for work bound by memory. The
// normal clock is the highest one seen under work with no such reason, because clocks
// may be locked below the chip's maximum; before one was seen, the application clock
// where that setting is what holds the clocks, else the maximum.
//
// The ratio is against the normal clock and not against the clock of the consumer's own
// measurements: who measured latencies while State.Slowdown was s divides by s.
//
// It returns known = false for a sample that tells nothing: idle, or without a clock, or
// of a GPU that does not tell its utilisation, as one in parts (MIG).
func (t *throttle) slowdown(s *State) (ratio float64, known bool) {
	if !s.SMClock.Known || s.SMClock.Value <= 0 || !s.ReasonsKnown {
		return 1, false
	}
	busy := s.Utilization.Known && s.Utilization.Value >= busyUtilization && s.Reasons&nvml.ClocksEventReasonGpuIdle == 0
	if !s.Reasons.Slow() {
		if busy {
			t.unslowed = max(t.unslowed, s.SMClock.Value)
		}
		return 1, true
	}
	normal := t.normalClock(s)
	if !busy || normal == 0 {
		return 1, false
	}
	return max(1, normal/s.SMClock.Value), true
}

func (t *throttle) normalClock(s *State) float64 {
	switch {
	case t.unslowed > 0:
		return t.unslowed
	case s.Reasons&nvml.ClocksEventReasonApplicationsClocksSetting != 0 && s.applicationClock.Known:
		return s.applicationClock.Value
	default:
		return t.maxClock.Value
	}
}

// observe sets the state's Slowdown and reports whether it changed.
func (t *throttle) observe(s *State) (changed bool) {
	if t.ratio == 0 {
		t.ratio = 1
	}
	before := t.ratio
	ratio, known := t.slowdown(s)
	switch {
	case !known:
		// Neither for nor against.
	case t.ratio == 1:
		t.slow = count(t.slow, ratio >= enterRatio)
		if t.slow >= enterSamples {
			t.ratio, t.slow, t.normal = ratio, 0, 0
		}
	default:
		t.normal = count(t.normal, ratio < leaveRatio)
		if t.normal >= leaveSamples {
			t.ratio, t.slow, t.normal = 1, 0, 0
		} else if ratio >= leaveRatio && (ratio >= t.ratio*changeRatio || t.ratio >= ratio*changeRatio) {
			t.ratio = ratio
		}
	}
	s.Slowdown = t.ratio
	return t.ratio != before
}

// count is how many times running something held.
func count(running int, held bool) int {
	if held {
		return running + 1
	}
	return 0
}
