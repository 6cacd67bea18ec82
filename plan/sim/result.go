package sim

import (
	"fmt"
	"slices"
	"time"

	"sluice/internal/clock"
)

// Count is how requests ended. Arrived is the sum of the others.
type Count struct {
	Arrived, OK, Late, Dropped, Refused int
}

func (c *Count) add(o Count) {
	c.Arrived += o.Arrived
	c.OK += o.OK
	c.Late += o.Late
	c.Dropped += o.Dropped
	c.Refused += o.Refused
}

// Attainment is the part of the requests that were answered in time.
func (c Count) Attainment() float64 {
	if c.Arrived == 0 {
		return 1
	}
	return float64(c.OK) / float64(c.Arrived)
}

// Wasted is the part of the executed requests that ran for nothing.
func (c Count) Wasted() float64 {
	if c.OK+c.Late == 0 {
		return 0
	}
	return float64(c.Late) / float64(c.OK+c.Late)
}

// Usage is what a device did during the whole run.
type Usage struct {
	Batches, Rows int
	Busy          time.Duration // of all lanes together
	ByModel       []time.Duration
}

// MeanBatch is the average rows of a batch.
func (u Usage) MeanBatch() float64 { return float64(u.Rows) / float64(max(u.Batches, 1)) }

// Result is what happened to the requests that arrived after the warm-up.
type Result struct {
	Count
	ByStream []Count
	// Back are the requests that came back after a refusal, by stream.
	Back    []Count
	Devices []Usage
	// GoodRows are the rows of the requests that were answered in time.
	GoodRows int
	// LateProbes are those among the late that ran in probes.
	LateProbes int
	// Faults are breaches of the rules by the policy; a run with any proves nothing.
	Faults []string
	// End is when the last request had ended.
	End clock.Instant

	length    time.Duration
	latencies []time.Duration // of what was executed, sorted by the first quantile asked for
	sorted    bool
}

// Goodput is how many requests per second were answered in time.
func (r *Result) Goodput() float64 { return float64(r.OK) / r.length.Seconds() }

// Latency is a quantile of the time from arrival to answer of what was executed.
func (r *Result) Latency(quantile float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	if !r.sorted {
		slices.Sort(r.latencies)
		r.sorted = true
	}
	return r.latencies[int(quantile*float64(len(r.latencies)-1))]
}

const keptFaults = 10

func (r *Result) fault(at clock.Instant, format string, args ...any) {
	if len(r.Faults) < keptFaults {
		r.Faults = append(r.Faults, fmt.Sprintf("%.3f ms: ", float64(at)/1e6)+fmt.Sprintf(format, args...))
	}
}

// Action is a kind of decision.
type Action uint8

// The actions.
const (
	Admit Action = iota
	Refuse
	Drop
	Seal // one decision per request of the batch
)

// Decision is one thing that the policy did with a request.
type Decision struct {
	At     clock.Instant
	Action Action
	Seq    int // of the request
	Model  int
	Lane   Lane
	Rows   int // of the batch, for Seal
}
