package sim

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
	"sluice/internal/traffic"
)

// Config is a simulation to run.
type Config struct {
	Devices []Device
	Models  []Model
	Streams []Stream
	Noise   Noise
	Seed    uint64
	// Warmup is left out of the result; Length is what the result is about. Arrivals
	// stop after both, and what still waits or runs is seen to its end.
	Warmup, Length time.Duration
	// Speed is a factor on the true latency of runs that start at an instant, for devices
	// that slow down; nil means always 1.
	Speed func(device int, at clock.Instant) float64
	// Observe sees each decision in order; nil means nobody looks.
	Observe func(Decision)
	// Audit checks after every event that no lane idles while a request that could make
	// its deadline waits for it. It is slow, and it holds for policies without delays
	// and runs without noise only.
	Audit bool
}

// Device is a place to run.
type Device struct {
	Name  string
	Kind  string // is policy.DeviceOptions.Kind
	Lanes int
	// Contention is how much longer, as a part, a run takes for each other lane that is
	// busy when it starts: lanes that share memory, caches or cores.
	Contention float64
	// FallbackShare is policy.DeviceOptions.FallbackShare, and Price policy.DeviceOptions.Price.
	FallbackShare, Price float64
	// Stage is policy.DeviceOptions.Stage: the device runs one batch at a time.
	Stage time.Duration
}

// Model has a true latency by batch size for each device, nil where it does not run.
type Model struct {
	Name     string
	MaxBatch int
	Curves   []cost.Curve
}

// Stream is a source of like requests.
type Stream struct {
	Model    int
	Arrivals traffic.Load
	Budget   time.Duration
	Rows     int // 0 means 1
	Class    task.Priority
	// Returns says that refused requests come back once, after what the policy told them and up
	// to this part of it more. They count in Result.Back alone.
	Returns float64
	// Source, if not nil, takes the place of the fields above but Returns.
	Source Source
}

// Noise is what makes two runs of one batch size differ.
type Noise struct {
	Sigma       float64 // of the latency's logarithm
	HiccupShare float64 // part of the runs that take HiccupTimes as long
	HiccupTimes float64
	// Stalls are runs during which the machine does something else for Stall on top: what
	// a shared processor does to short runs, whatever their size. They come in rows of
	// StallRow runs (0 means 1).
	StallShare float64
	Stall      time.Duration
	StallRow   int
}

// disturbance draws what happens to runs, one after the other.
type disturbance struct {
	Noise
	rng  *rand.Rand
	left int // stalls to come in this row
}

// apply turns a latency without noise into one with it.
func (d *disturbance) apply(latency float64) float64 {
	if d.Sigma > 0 {
		latency *= math.Exp(d.Sigma * d.rng.NormFloat64())
	}
	if d.HiccupShare > 0 && d.rng.Float64() < d.HiccupShare {
		latency *= d.HiccupTimes
	}
	if d.left == 0 && d.StallShare > 0 && d.rng.Float64() < d.StallShare/float64(max(d.StallRow, 1)) {
		d.left = max(d.StallRow, 1)
	}
	if d.left > 0 {
		d.left--
		latency += float64(d.Stall)
	}
	return latency
}

// Usual is the noise of a healthy GPU: 2 % spread, one run in a thousand doubled.
var Usual = Noise{Sigma: 0.02, HiccupShare: 0.001, HiccupTimes: 2}

func (c *Config) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Length <= 0 {
		fault("length is %v; it must be positive", c.Length)
	}
	for i, d := range c.Devices {
		if d.Lanes < 1 {
			fault("device %d (%s) has %d lanes; it needs at least 1", i, d.Name, d.Lanes)
		}
	}
	for i, m := range c.Models {
		if len(m.Curves) != len(c.Devices) {
			fault("model %d (%s) has %d curves for %d devices", i, m.Name, len(m.Curves), len(c.Devices))
		}
	}
	for i, s := range c.Streams {
		if s.Source != nil {
			continue // what it yields is held to the limits as it comes
		}
		if s.Model < 0 || s.Model >= len(c.Models) {
			fault("stream %d is for model %d; there are %d", i, s.Model, len(c.Models))
		} else if s.Rows > c.Models[s.Model].MaxBatch {
			fault("stream %d has requests of %d rows; the largest batch is %d", i, s.Rows, c.Models[s.Model].MaxBatch)
		}
		if !s.Arrivals.Drawn() {
			fault("stream %d has no rate", i)
		}
		if s.Budget <= 0 {
			fault("stream %d has a budget of %v; it must be positive", i, s.Budget)
		}
	}
	return errors.Join(faults...)
}
