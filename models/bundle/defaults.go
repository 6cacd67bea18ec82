package bundle

import (
	"cmp"
	"time"

	"sluice/internal/agree"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Defaults stand in for what model.yaml does not say.
type Defaults struct {
	// Budget is the latency budget of a request that names none; 0 means that each model gets
	// one by what its row takes.
	Budget time.Duration
	// MaxBudget bounds those; 0 means 10 minutes.
	MaxBudget time.Duration
	// MaxBatch is the most rows of one run; 0 means 64.
	MaxBatch int
	// MaxRows is the most rows of one request; 0 means the larger of MaxBatch and 1024.
	MaxRows int
	// Rows is the most rows of a request to a model of which nothing else says it; 0 means 1024.
	Rows int
	// Unproven says what becomes of a model that is neither proven nor refuted; empty means
	// UnprovenBatch.
	Unproven Unproven
	// UnfairRows lets short requests crowd out long ones.
	UnfairRows bool
	// Tolerance bounds how far two answers for one row may differ; zero means
	// 1e-4 + 1e-3 of the value.
	Tolerance agree.Tolerance
	// Devices are where a model runs; nil means every device of the server.
	Devices []string
	// Fallback is when requests leave the preferred device; empty means FallbackBudget.
	Fallback Fallback
	// Isolation is where sessions on the CPU live; empty leaves it to Device.Open.
	Isolation Isolation
}

const defaultMaxRows = 1024

// WithDefaults fills in the documented defaults.
func (d Defaults) WithDefaults() Defaults {
	d.MaxBudget = cmp.Or(d.MaxBudget, 10*time.Minute)
	d.MaxBatch = cmp.Or(d.MaxBatch, 64)
	d.Tolerance = cmp.Or(d.Tolerance, agree.Loading)
	return d
}

// Session is a bundle loaded on a device.
type Session interface {
	task.Runner
	Schema() *tensor.Schema
	Close() error
}
