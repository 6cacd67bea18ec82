package httpfront

import (
	"errors"
	"math"
	"os"

	"sluice/internal/fault"
	"sluice/internal/http1"
)

// How a connection with a goroutine reads bodies. fasthttp would take the memory for a body as soon as it is
// announced, and would keep it. So the connection gathers every body that is larger than a few kilobytes or comes in
// chunks. fasthttp then sees a request without a body, and handle gives the body to the handlers.

// readBody returns more of the current request's body.
func (c *conn) readBody(p []byte) (n int, err error) {
	if n = c.takeAhead(p); n == 0 {
		c.fresh = true
		if n, err = c.Conn.Read(p); n == 0 && err != nil {
			return c.bodyFailed(err)
		}
	}
	used, f := c.consume(p[:n])
	if f == nil {
		f = c.keep(p[used:n])
	}
	if f != nil {
		c.refuse(f)
		return 0, errRefused
	}
	return used, nil
}

func (c *conn) bodyFailed(err error) (int, error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.refuse(fault.Newf(fault.BodyTimeout, "the body did not come within %v (limits.read_timeout)", c.s.opt.ReadTimeout))
	} else {
		c.abandoned()
	}
	return 0, errRefused
}

// consume says how many bytes of p belong to the body.
func (c *conn) consume(p []byte) (used int, f *fault.Error) {
	if !c.inBody {
		return 0, nil
	}
	if c.chunked {
		return c.consumeChunks(p)
	}
	used = int(min(int64(len(p)), c.left))
	if c.gathered {
		f = c.store(p[:used])
	}
	c.left -= int64(used)
	c.inBody = c.left > 0
	return used, f
}

// consumeChunks is consume for a body in chunks, and stores their data.
func (c *conn) consumeChunks(p []byte) (used int, f *fault.Error) {
	for used < len(p) && !c.chunk.Done() {
		data, n, why := c.chunk.Next(p[used:])
		if why != http1.None {
			return used, framingFault(why, &c.s.opt.Limits)
		}
		if f := c.store(data); f != nil {
			return used, f
		}
		used += n
	}
	c.inBody = !c.chunk.Done()
	return used, nil
}

// gather reads the rest of the current request's body. It cuts what frames the body out of the head, which is in p,
// and returns the length of the head.
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
