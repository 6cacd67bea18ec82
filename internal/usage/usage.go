// Package usage counts the calls inside something that can be closed, so that closing can
// wait for them without a lock held across a call. A session owns a Count and has each of
// its calls enter and leave it.
package usage

import "sync/atomic"

// Count is the calls inside. It must be initialised before use and not be copied.
type Count struct {
	state atomic.Int64 // calls inside, plus closing once closed
	idle  chan struct{}
}

const closing = 1 << 62

// Init makes the count ready.
func (c *Count) Init() { c.idle = make(chan struct{}, 1) }

// Enter reports whether the owner is open; if so, Leave must follow.
func (c *Count) Enter() bool {
	if c.state.Add(1) < closing {
		return true
	}
	c.Leave()
	return false
}

// Leave ends what Enter began.
func (c *Count) Leave() {
	if c.state.Add(-1) == closing {
		select {
		case c.idle <- struct{}{}:
		default: // told already
		}
	}
}

// Close lets nobody in any more and waits until all have left. It is called once.
func (c *Count) Close() {
	for inside := c.state.Add(closing); inside != closing; inside = c.state.Load() {
		<-c.idle
	}
}
