package selftest

import (
	"fmt"

	"sluice/loadtest/result"
)

// Beyond these a machine is too busy for claims about microseconds.
const (
	maxSteal    = 0.02 // of the CPU time
	maxRunQueue = 0.02 // of the time, of the sending thread
	maxPressure = 0.10 // of the time, of anything at all: the fault server needs a core too
)

// busy says of a run that had the machine for itself why it could not show anything; "" if it could.
func busy(r *result.Result) string {
	if r.Resources == nil {
		return ""
	}
	if share := r.Resources.Tool.RunQueueShare; share > maxRunQueue {
		return fmt.Sprintf("the sending thread waited for a core for %.1f %% of the time", 100*share)
	}
	return busyHost(r.Resources.Host)
}

func busyHost(h result.Host) string {
	switch {
	case h.Steal > maxSteal:
		return fmt.Sprintf("the hypervisor took %.1f %% of the CPU time", 100*h.Steal)
	case h.CPUPressure > maxPressure:
		return fmt.Sprintf("something waited for a core for %.0f %% of the time", 100*h.CPUPressure)
	}
	return ""
}
