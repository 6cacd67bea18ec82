package backends

import (
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Session is a model version loaded on a device.
type Session interface {
	task.Runner
	// Schema describes the model; callers must not change it.
	Schema() *tensor.Schema
	// Lanes is how many batches may run at once: lane numbers are 0 to Lanes-1.
	Lanes() int
	// RunRaw runs a batch of that many rows without a caller's data: for warm-up, and for
	// measuring the device without the gateway.
	RunRaw(lane, rows int) error
	// Close waits for running calls and frees the session. Later calls fail; a second
	// Close does nothing.
	Close() error
}
