package gateway

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// handle answers one request on the goroutine of its connection.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := calls.Get().(*call)
	c.ctx = ctx
	if conn, ok := ctx.Conn().(*conn); ok {
		c.peer, c.arrived = conn, conn.arrived
		if conn.gathered {
			ctx.Request.SetBodyRaw(conn.body.bytes)
		}
		if conn.last {
			ctx.SetConnectionClose()
		}
	} else {
		c.arrived = clock.Now()
	}
	s.step(c, (*Server).dispatch)
}

// errPending says that a request goes on elsewhere: its answer comes in a later step.
var errPending = errors.New("BUG: a pending request was taken for answered")

// step takes a request a step further and reports whether it has been answered. Whatever
// panics below costs that request alone.
func (s *Server) step(c *call, next func(*Server, *call) error) (answered bool) {
	answered = true
	defer s.finish(c, &answered)
	switch err := next(s, c); {
	case err == nil:
	case err == errPending: //nolint:errorlint // a sentinel of this package, never wrapped
		answered = false
	default:
		f := fault.Of(err)
		if f.Kind == fault.Internal && !c.reached { // logged already
			s.failures.log(s.opt.Log, "request failed", zap.String("request_id", string(c.id)), zap.Error(err))
		}
		if !c.reached {
			c.outcome.Fault = f.Kind
			s.opt.Observer.Refused(f.Kind)
		}
		writeFault(&c.ctx.Response, f)
	}
	return answered
}

// finish ends every request that has been answered, also one whose handler panicked.
func (s *Server) finish(c *call, answered *bool) {
	ctx := c.ctx
	reason := recover()
	if reason == nil && !*answered {
		return
	}
	s.handOn(c, reason != nil)
	ctx.Response.Header.SetCanonical(headerRequestID, c.id)
	if reason != nil {
		c.outcome.Fault = fault.Internal
		writeFault(&ctx.Response, fault.New(fault.Internal, "internal error"))
	}
	s.logAccess(c)
	if c.model != nil {
		c.model.Release()
	}
	if reason != nil {
		// c is not recycled: nobody knows what still looks at its buffers.
		c.inflated.abandon()
		s.failures.log(s.opt.Log, "request panicked", zap.String("request_id", string(c.id)), zap.Any("panic", reason), zap.Stack("stack"))
		s.opt.Observer.Refused(fault.Internal)
	} else {
		c.recycle()
	}
	if s.draining.Load() {
		ctx.SetConnectionClose()
	}
	ctx.Request.ReleaseBody(maxKeptBody)
	s.opt.Observer.Answered(ctx.Response.StatusCode())
}

// handOn leaves the answer's memory to the connection, until it is written, and frees the body's.
func (s *Server) handOn(c *call, panicked bool) {
	switch at := c.peer.(type) {
	case *conn:
		if panicked {
			at.body.abandon()
		}
		at.letGo()
		at.answer = c.answer.move()
	case answering:
		at.answers(c.answer.move())
	default:
		c.answer.abandon()
	}
}

// answering is a socket of an event loop.
type answering interface{ answers(b buffer) }

// dispatch finds the route and serves it.
func (s *Server) dispatch(c *call) error {
	header := &c.ctx.Request.Header
	c.id = appendRequestID(c.id[:0], header.PeekCanonical(headerRequestID))
	if s.opt.AccessLog.On() {
		c.remember()
	}
	route, n, f := s.route(header.Method(), header.RequestURI(), &c.params)
	if f != nil {
		if n != nil {
			c.ctx.Response.Header.Set("Allow", n.allow)
		}
		return f
	}
	return route.serve(s, c)
}

// route finds a request's route. With a fault there is none; of a method that the path does not
// have, the node tells those that it has.
func (s *Server) route(method, target []byte, p *params) (*Route, *node, *fault.Error) {
	n := s.router.find(rawPath(target), p)
	if !knownMethod(method) {
		return nil, nil, fault.New(fault.MethodNotImplemented, "the method is not implemented")
	}
	if n == nil {
		return nil, nil, fault.New(fault.NotFound, "Not Found")
	}
	route, f := n.route(method)
	if f != nil {
		return nil, n, f
	}
	if route.Class == Infer && s.refusing.Load() {
		return nil, nil, fault.New(fault.Draining, "the server is shutting down")
	}
	return route, nil, nil
}

// unreadable answers what the connection let through and fasthttp could not parse:
// bytes that no header may hold, or a target that is not a URI.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, _ error) {
	writeFault(&ctx.Response, fault.New(fault.BadHeader, "the request's header is malformed"))
	c, ok := ctx.Conn().(*conn)
	if ok && c.refused {
		return // it has been answered
	}
	var given []byte
	if ok {
		given, ctx.Response.SkipBody = c.opening.id, c.opening.isHead()
	}
	id := appendRequestID(nil, given)
	ctx.Response.Header.SetCanonical(headerRequestID, id)
	if ok {
		sent := len(ctx.Response.Body())
		if ctx.Response.SkipBody {
			sent = 0
		}
		c.logRefusal(fault.BadHeader, id, sent)
	}
	s.opt.Observer.Refused(fault.BadHeader)
	s.opt.Observer.Answered(ctx.Response.StatusCode())
}

// throttle lets one log line a second through, so that a fault of every request does
// not become a line per request.
type throttle struct {
	next    atomic.Int64
	skipped atomic.Int64
}

func (t *throttle) log(log *zap.Logger, message string, fields ...zap.Field) {
	now := int64(clock.Now())
	next := t.next.Load()
	if now < next || !t.next.CompareAndSwap(next, now+int64(time.Second)) {
		t.skipped.Add(1)
		return
	}
	log.Error(message, append(fields, zap.Int64("skipped", t.skipped.Swap(0)))...)
}
