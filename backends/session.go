package backends

import (
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// CPU is the name of the device that every machine has.
const CPU = "cpu"

// Session is a model version loaded on a device.
type Session interface {
	task.Runner
	// Schema describes the model; callers must not change it.
	Schema() *tensor.Schema
	// Lanes is how many batches may run at once: lane numbers are 0 to Lanes-1.
	Lanes() int
	// Close waits for running calls and frees the session. Later calls fail; a second
	// Close does nothing.
	Close() error
}

// Device describes where a session runs.
type Device struct {
	Name string // such as cpu or cuda:0; as responses and metrics show it
	// Lanes is how many batches may run on it at once, over all models; the scheduler
	// holds that many tokens.
	Lanes int
}
