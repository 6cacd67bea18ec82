package live

import (
	"time"

	"sluice/loadtest/stats"
)

// Snapshot is what is known at one instant of a run. A figure that is 0 is not known, unless
// its comment says otherwise.
type Snapshot struct {
	// Rates, numbers of requests and outcomes of which 0 is a value.
	stats.Snapshot
	// Phase is what the run is at, such as probe 3: 4,200/s; "" if there is only one.
	Phase string
	// Extra counts answers that nobody was waiting for; 0 is a value.
	Extra int64

	// ToolCores and TargetCores are of the last second.
	ToolCores, TargetCores float64
	// RSS is the target's, in bytes.
	RSS int64
	// GPU is the utilisation from 0 to 1; below 0 it is not known.
	GPU float64

	// Objective is what the light is about, as p99<10ms.
	Objective string
	Light     Light
}

// at is the phase that a snapshot is of, how much of it has passed, and its length, which is 0 if it
// has no end that is known. The warm-up is a phase of its own.
func (s *Snapshot) at() (phase string, elapsed, total time.Duration) {
	if s.Elapsed >= s.Window.From {
		total = s.Window.Length()
		return s.Phase, min(s.Elapsed-s.Window.From, total), total
	}
	phase = "warm-up"
	if s.Phase != "" {
		phase = s.Phase + ", warm-up"
	}
	return phase, s.Elapsed, s.Window.From
}

// Light says whether an objective holds.
type Light uint8

const (
	// Off: there is no objective, or too little is known.
	Off Light = iota
	// Holds: it does so far.
	Holds
	// Fails: it does not.
	Fails
)
