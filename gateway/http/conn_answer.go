package httpfront

import (
	"time"

	"sluice/gateway/http/loop"
	"sluice/internal/clock"
)

// How a connection with a goroutine writes an answer, and what it frees afterwards.

// Write sends an answer. It sets a timer every few seconds and not per answer, as armIdle does.
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
	if c.call != nil {
		c.call.Sent()
	}
	return n, err
}

// answers takes a call until its answer has been written. The body is freed before, unless a listener wants it
// afterwards.
func (c *conn) answers(of *call) {
	c.written()
	if of.exchange == nil || of.exchange.Body == nil {
		c.letGo()
	}
	c.call = of
}

// finish writes the rest of an answer that a loop has begun, and reports whether the connection goes on.
func (c *conn) finish(rest *loop.Rest) bool {
	if rest == nil {
		return true
	}
	_, err := c.Write(rest.Head)
	if err == nil && len(rest.Body) > 0 {
		_, err = c.Write(rest.Body)
	}
	c.written()
	return err == nil && !rest.Last
}

// written ends the call whose answer has been written, or cannot be.
func (c *conn) written() {
	if of := c.call; of != nil {
		c.call = nil
		of.End()
	}
}

// Close ends the connection. If it is the server that ends it, after a refusal or because it stops, it lingers
// first: what the client has sent meanwhile must not cost it the answer.
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
