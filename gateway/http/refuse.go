package httpfront

import (
	"io"
	"time"

	"sluice/gateway/http/loop"
	"sluice/gateway/http/wire"
	"sluice/internal/fault"
)

const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// refuse answers a request that cannot be framed, or came too late, and ends the
// connection: where the next request would start is not known.
func (c *conn) refuse(f *fault.Error) {
	c.refused = true
	c.s.opt.Observer.Refused(f.Kind)
	c.s.opt.Observer.Answered(wire.Status(f.Kind))
	_ = c.Conn.SetWriteDeadline(time.Now().Add(lingerTime))
	to := wire.Refused{ID: wire.AppendRequestID(nil, c.opening.id), Allow: c.allow, Bodiless: c.opening.isHead()}
	answer, sent := wire.AppendFault(nil, f, &to)
	c.logRefusal(f.Kind, to.ID, sent)
	_, _ = c.Conn.Write(answer)
}

// abandoned notes a client that left in the middle of its request.
func (c *conn) abandoned() {
	c.refused = true
	c.s.opt.Observer.Refused(fault.ClientClosed)
	c.logRefusal(fault.ClientClosed, wire.AppendRequestID(nil, c.opening.id), 0)
	c.s.opt.Observer.Answered(wire.StatusClientClosed)
}

// Shed notes a refusal for pause.
func (c *conn) Shed(budget time.Duration) { c.shedOf = budget }

// pause leaves the connection unread for a moment after a refusal for want of capacity.
func (c *conn) pause() {
	if c.shedOf == 0 {
		return
	}
	time.Sleep(loop.HoldFor(int(c.s.pausing.Add(1)), c.shedOf))
	c.s.pausing.Add(-1)
	c.shedOf = 0
}

// linger waits a moment for a client that is still sending: closing a socket with
// unread bytes resets it, and the reset can overtake the answer.
func (c *conn) linger() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
}
