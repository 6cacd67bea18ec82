package onnx

import (
	"errors"

	"sluice/internal/complaint"
	"sluice/internal/fault"
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

// cutShort is the fault of a run that passed its limit. One that ended well all the
// same, before the cut took effect, is a good run.
func cutShort(err error) error {
	return fault.Wrap(fault.InferenceFailed, err, "the model ran longer than its hang limit and was cut short")
}
