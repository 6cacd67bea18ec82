package onnx

import (
	"strings"

	"sluice/internal/fault"
)

var errClosed = fault.New(fault.ModelNotReady, "the model version is being unloaded")

// byOperator starts what an operator says. Other errors of a run are about the model
// and its schema, which no caller chose.
const byOperator = "non-zero status code returned while running"

// refusals are parts of messages by which operators refuse values or shapes that a
// caller chose. The scheduler runs the parts of such a batch one by one, so a wrong
// guess costs time and misleads nobody else.
var refusals = []string{
	"out of data bounds", "out of bounds", "out of range", "outside of range", "invalid index", "indices element", "index out",
	"cannot be reshaped", "broadcast", "incompatible dimensions", "dimension mismatch", "mismatch in dimension",
	"invalid rank", "invalid input shape", "must be within", "invalid utf",
}

// runFault makes a fault of what ONNX Runtime said about a run. Its text names nodes
// and weights of the model, so it goes to the log only.
func runFault(err error) error {
	if err == nil {
		return nil
	}
	text := strings.ToLower(err.Error())
	for _, refusal := range refusals {
		if strings.HasPrefix(text, byOperator) && strings.Contains(text, refusal) {
			return fault.Wrap(fault.ModelRejectedInput, err, "the model rejected the values of an input, such as an index that is out of range")
		}
	}
	return fault.Wrap(fault.InferenceFailed, err, "the model failed to run")
}

// cutShort is the fault of a run that passed its limit. One that ended well all the
// same, before the cut took effect, is a good run.
func cutShort(err error) error {
	return fault.Wrap(fault.InferenceFailed, err, "the model ran longer than its hang limit and was cut short")
}

// rejected reports whether an operator refused the input.
func rejected(err error) bool { return fault.Is(err, fault.ModelRejectedInput) }
