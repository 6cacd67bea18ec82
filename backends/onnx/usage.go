package onnx

import "sync/atomic"

// usage counts the calls inside a session, so that closing can wait for them without
// a lock held across a run.
type usage struct {
	state atomic.Int64 // calls inside, plus closing once closed
	idle  chan struct{}
}

const closing = 1 << 62

func (u *usage) init() { u.idle = make(chan struct{}, 1) }

// enter reports whether the session is open; if so, leave must follow.
func (u *usage) enter() bool {
	if u.state.Add(1) < closing {
		return true
	}
	u.leave()
	return false
}

func (u *usage) leave() {
	if u.state.Add(-1) == closing {
		select {
		case u.idle <- struct{}{}:
		default: // told already
		}
	}
}

// close lets nobody in any more and waits until all have left.
func (u *usage) close() {
	for inside := u.state.Add(closing); inside != closing; inside = u.state.Load() {
		<-u.idle
	}
}
