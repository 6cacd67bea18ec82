package httpfront

import (
	"net"
	"net/netip"

	"sluice/gateway"
	"sluice/gateway/http/wire"
	"sluice/internal/accesslog"
	"sluice/internal/clock"
	"sluice/internal/fault"
)

// The access log is asked about every request that has been answered, and gets an entry for those that it picks.

// remember keeps what an entry says of a request. When an event loop answers the request, its bytes are gone.
func (c *call) remember() {
	req := &c.ctx.Request
	path := rawPath(req.Header.RequestURI())
	c.method = append(c.method[:0], req.Header.Method()...)
	c.path = append(c.path[:0], path[:min(len(path), accesslog.MaxPath)]...)
	c.received = len(req.Body())
}

// logAccess offers a request that the handlers have answered.
func (s *Server) logAccess(c *call) {
	o := c.outcome()
	if why := s.opt.AccessLog.Pick(c.ctx.Response.StatusCode(), o.Late, o.Total, o.Budget); why != accesslog.No {
		s.writeAccess(c, why)
	}
}

// outcome is the account of a prediction. For another request it has the fault alone.
func (c *call) outcome() *gateway.Outcome {
	if x := c.exchange; x != nil && x.Model != nil {
		return &x.Outcome
	}
	return &c.refused
}

func (s *Server) writeAccess(c *call, why accesslog.Why) {
	o, resp := c.outcome(), &c.ctx.Response
	e := accesslog.Entry{
		Why: why, Arrived: c.arrived, Peer: c.peer.Address(), Status: resp.StatusCode(), Code: o.Fault.Code(),
		Device: o.Trace.Device, Reason: o.Trace.Reason, Rows: o.Rows, Batch: o.Trace.Batch, Budget: o.Budget,
		Decode: o.Decode, Encode: o.Encode, Late: o.Late, Total: o.Total, BytesIn: c.received,
	}
	if x := c.exchange; x != nil && x.Model != nil {
		info := x.Model.Info()
		e.Model, e.Version = info.Name, info.Version
	}
	if o.Trace.RunEnd != 0 {
		e.Queue, e.Run = o.Trace.RunStart.Sub(o.Trace.Queued), o.Trace.RunEnd.Sub(o.Trace.RunStart)
	}
	if e.Total == 0 {
		e.Total = clock.Now().Sub(c.arrived)
	}
	if string(c.method) != "HEAD" && e.Status != wire.StatusClientClosed {
		e.BytesOut = len(resp.Body())
	}
	e.Describe(c.id, c.method, c.path)
	s.opt.AccessLog.Put(&e)
}

// logRefusal offers a request that no handler has seen, and whose answer has a body of sent bytes.
func (c *conn) logRefusal(kind fault.Kind, id []byte, sent int) {
	code := wire.Status(kind)
	why := c.s.opt.AccessLog.Pick(code, false, 0, 0)
	if why == accesslog.No {
		return
	}
	now := clock.Now()
	e := accesslog.Entry{Why: why, Arrived: c.arrived, Peer: c.from, Status: code, Code: kind.Code(), BytesOut: sent}
	if e.Arrived == 0 {
		e.Arrived = now // nothing has come
	}
	e.Total = now.Sub(e.Arrived)
	method, target := requestLine(c.opening.line)
	e.Describe(id, method, rawPath(target))
	c.s.opt.AccessLog.Put(&e)
}

// Address is where the connection comes from.
func (c *conn) Address() netip.AddrPort { return c.from }

// addressOf is the address of a connection's other end. It is invalid for what is not TCP.
func addressOf(c net.Conn) netip.AddrPort {
	if c == nil {
		return netip.AddrPort{}
	}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		at := tcp.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return netip.AddrPort{}
}
