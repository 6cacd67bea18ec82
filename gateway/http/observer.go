package httpfront

import "sluice/internal/fault"

// Observer is told what happened on the port, besides what the gateway's listeners hear of predictions.
// Its methods run on the request path: they must not block, allocate or keep their arguments.
type Observer interface {
	// Refused reports the end of a request for a prediction that found no model, or of another that failed.
	Refused(fault.Kind)
	// Answered reports the status of every answer on the predict port.
	Answered(status int)
	// Connected reports a connection that begins (1) or ends (-1).
	Connected(delta int)
}

type noObserver struct{}

func (noObserver) Refused(fault.Kind) {}
func (noObserver) Answered(int)       {}
func (noObserver) Connected(int)      {}
