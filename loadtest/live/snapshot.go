package live

import (
	"time"

	"sluice/loadtest/sample"
)

// Snapshot is what is known at one instant of a run. A figure that is 0 is not known, unless
// its comment says otherwise.
type Snapshot struct {
	// Phase is what the run is at: warm-up, or probe 3: 4,200/s; "" is the measured window.
	Phase string
	// Elapsed is of the phase, and Total its length; 0 if it has no end that is known.
	Elapsed, Total time.Duration

	// Offered, Sent and Good are requests of the last second; 0 is a value.
	Offered, Sent, Good float64
	// InFlight are sent and not answered; Late were written more than a millisecond after their
	// instant; 0 is a value of both.
	InFlight, Late int64
	// Lag is the p99 of the last second.
	Lag time.Duration
	// Response counts from the intended start, Service from the send.
	Response, Service Clock
	// Stages are means of the whole run, in the order of the flow.
	Stages []Stage

	// Ended counts requests by outcome since the start, Extra answers that nobody was waiting for; 0 is a value.
	Ended [sample.Outcomes]int64
	Extra int64
	// Verified are answers whose values were compared.
	Verified int64

	// ToolCores and TargetCores are of the last second.
	ToolCores, TargetCores float64
	// RSS is the target's, in bytes.
	RSS int64
	// GPU is the utilisation from 0 to 1; below 0 it is not known.
	GPU float64
	// Batch is the mean of the last second in rows.
	Batch float64

	// Objective is what the light is about, as p99<10ms.
	Objective string
	Light     Light
}

// Clock is a latency in the last second and in the whole run.
type Clock struct {
	Second, All Quantiles
}

// Quantiles of a latency; what is not known is 0.
type Quantiles struct{ P50, P99, P999, Max time.Duration }

// Stage is a part of the response latency.
type Stage struct {
	Name string
	Mean time.Duration
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
