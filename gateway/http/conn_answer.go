package httpfront

import (
	"time"

	"sluice/internal/clock"
)

// The way of an answer out of a connection with a goroutine, and what is let go once it has been written.

// Write sends an answer, with the same care for timers.
func (c *conn) Write(p []byte) (int, error) {
	if c.refused {
		return len(p), nil
	}
	c.now = clock.Now()
	timeout := c.s.opt.WriteTimeout
	if c.writeBy.Sub(c.now) < timeout {
		c.writeBy = c.now.Add(timeout + timeout/4)
		_ = c.Conn.SetWriteDeadline(time.Now().Add(timeout + timeout/4))
	}
	n, err := c.Conn.Write(p)
	if c.call != nil && c.call.exchange != nil {
		c.call.exchange.Written()
	}
	return n, err
}

// answers takes a call until its answer has been written. The body is let go before, unless somebody
// wants to see it afterwards.
func (c *conn) answers(of *call) {
	c.written()
	if of.exchange == nil || of.exchange.Body == nil {
		c.letGo()
	}
	c.call = of
}

// written ends the call whose answer has been written, or cannot be.
func (c *conn) written() {
	if of := c.call; of != nil {
		c.call = nil
		c.s.end(of)
	}
}

// Close ends the connection; where it is the server that ends it, after a refusal or because it stops,
// it lingers first: what the client has sent meanwhile must not cost it the answer.
func (c *conn) Close() error {
	c.written()
	c.letGo()
	c.ahead.Release()
	if c.refused || c.s.draining.Load() {
		c.used.Store(true)
		c.idle.Store(int64(clock.Now())) // Shutdown need not wait for all of it
		c.linger()
	}
	return c.Conn.Close()
}

// letGo frees the memory of a request that has an answer.
func (c *conn) letGo() {
	c.body.Release()
	c.gathered = false
	if c.taken == len(c.ahead.Bytes) {
		c.ahead.Release()
		c.taken = 0
	}
}
