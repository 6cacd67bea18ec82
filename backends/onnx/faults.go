package onnx

import (
	"errors"

	"sluice/backends/onnx/provider"
	"sluice/internal/complaint"
	"sluice/internal/device"
	"sluice/internal/fault"
	"sluice/internal/task"
)

var errClosed = fault.New(fault.ModelNotReady, "the model version is being unloaded")

// complaintOf reads an error of a run: one of the library's own, or the text of another.
func complaintOf(err error) *complaint.Error {
	var c *complaint.Error
	if errors.As(err, &c) {
		return c
	}
	return complaint.Parse(complaint.Unknown, err.Error())
}

// runFault makes a fault of what a run on a kind of device ended with.
func runFault(kind device.Kind, err error) error {
	if err == nil {
		return nil
	}
	said := complaintOf(err)
	if !kind.GPU() {
		return said.Fault()
	}
	err = provider.Fault(kind, said)
	if failed, _ := task.DeviceFailed(err); failed {
		return fault.Wrap(fault.InferenceFailed, err, "the device that runs the model failed")
	}
	// What a GPU's provider says in words that nobody knows may be its driver's fault.
	if said.Kind == complaint.Other {
		return fault.Wrap(fault.InferenceFailed, err, "the model failed to run")
	}
	return said.Fault()
}

// cutShort is the fault of a run that passed its limit. One that ended well all the
// same, before the cut took effect, is a good run.
func cutShort(err error) error {
	return fault.Wrap(fault.InferenceFailed, err, "the model ran longer than its hang limit and was cut short")
}
