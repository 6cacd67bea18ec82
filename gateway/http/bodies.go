package httpfront

import (
	"math"

	"sluice/internal/fault"
	"sluice/internal/http1"
)

// A connection reads every body of more than a few kilobytes, or in chunks, itself, as it comes:
// fasthttp would take the memory for it as soon as it is announced, and would keep it. fasthttp then
// sees a request without a body, and the handlers are given the body (handle).

// gather reads the rest of the current request's body and returns the length of its head, which is
// in p, without what frames the body.
func (c *conn) gather(p []byte, h *http1.Request) (int, error) {
	h.CutFraming(p)
	for c.inBody {
		into := p[h.Size:] // of chunks, which are more than their data
		if !c.chunked {
			if into = c.body.Room(c.s.gateway.Bodies, int(c.left)); into == nil {
				c.refuse(c.s.gateway.NoRoomForBodies())
				return 0, errRefused
			}
		}
		n, err := c.readMore(into)
		if n == 0 && err != nil {
			return c.bodyFailed(err)
		}
		if !c.chunked {
			c.body.Extend(n)
			c.left -= int64(n)
			c.inBody = c.left > 0
			continue
		}
		used, f := c.consume(into[:n])
		if f == nil {
			f = c.keep(into[used:n])
		}
		if f != nil {
			c.refuse(f)
			return 0, errRefused
		}
	}
	return h.Size, nil
}

// readMore reads what has come already, or else from the socket.
func (c *conn) readMore(p []byte) (int, error) {
	if n := c.takeAhead(p); n > 0 {
		return n, nil
	}
	c.fresh = true
	return c.Conn.Read(p)
}

// store takes in bytes of the body.
func (c *conn) store(p []byte) *fault.Error {
	most := c.s.opt.Limits.MaxBodyBytes
	if !c.chunked {
		most = int64(len(c.body.Bytes)) + c.left
	}
	if !c.body.Append(c.s.gateway.Bodies, p, int(min(most, math.MaxInt))) {
		return c.s.gateway.NoRoomForBodies()
	}
	return nil
}
