package httpfront

import (
	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/gateway/http/loop"
	"sluice/internal/clock"
	"sluice/internal/task"
)

// How the server and its event loops work together: a loop brings requests and connections to the server, and the
// gateway tells the loop, through its socket, of a prediction that goes on.

func (s *Server) loopOptions() loop.Options {
	o, l := &s.opt, &s.opt.Limits
	return loop.Options{
		Workers: o.Workers, MaxConnections: l.MaxConnections, Head: l.head(), IdleTimeout: o.IdleTimeout,
		Bodies: s.gateway.Bodies, Run: o.Run, OnWorker: o.OnWorker, Accepted: s.accepted.Load, Quiet: quiet, Log: o.Log,
	}
}

// served is the server as its loops see it.
type served struct{ *Server }

var _ loop.Front = served{}

// Begin serves a request that an event loop has read.
func (s served) Begin(k *loop.Socket, ctx *fasthttp.RequestCtx, arrived clock.Instant) (r loop.Request, answered bool) {
	c := s.begin()
	c.ctx, c.peer, c.socket, c.arrived = ctx, k, k, arrived
	return c, s.step(c, (*Server).dispatch)
}

// HandOver gives a connection a goroutine that an event loop does not serve any longer.
func (s served) HandOver(from loop.Connection) {
	c := newConn(from.Conn, s.Server)
	c.from = from.From // also if it has left
	c.used.Store(from.Used || len(from.Kept) > 0)
	if from.Rest != nil {
		c.call, _ = from.Rest.Request.(*call)
		c.idle.Store(0) // until it is written
	}
	if len(from.Kept) > 0 {
		switch {
		case c.ahead.Append(s.gateway.Bodies, from.Kept, len(from.Kept)):
			c.began = from.Since
			c.idle.Store(0)
		case from.Rest != nil:
			from.Rest.Last = true
		default:
			s.closed()
			s.turnAway(c, s.gateway.NoRoomForBodies())
			return
		}
	}
	s.dedicate(c, from.Rest)
}

// Closed counts a connection out.
func (s served) Closed() { s.closed() }

var _ loop.Request = (*call)(nil)

// Conclude answers a prediction of an event loop that was pending, unless it is so again.
func (c *call) Conclude(ctx *fasthttp.RequestCtx) (answered bool) {
	c.ctx = ctx
	return c.s.step(c, (*Server).conclude)
}

// Sent notes that the answer, or a part of it, has been handed to the kernel.
func (c *call) Sent() {
	if c.exchange != nil {
		c.exchange.Written()
	}
}

// looped is the gateway's front for a prediction of an event loop. Sockets are never used again, so that a late
// call reaches no other one.
type looped struct{ *loop.Socket }

var _ gateway.Front = looped{}

// Ready is called by the gateway, on any goroutine.
func (k looped) Ready(*gateway.Exchange) task.Waker { return k.Ended() }
