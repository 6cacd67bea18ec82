package httpfront

import (
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"sluice/gateway"
	"sluice/gateway/http/wire"
	"sluice/internal/fault"
	"sluice/internal/memory"
)

// handle answers one request on the goroutine of its connection.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	from := ctx.Conn().(*conn)
	if from.gathered {
		ctx.Request.SetBodyRaw(from.body.Bytes)
	}
	if from.last {
		ctx.SetConnectionClose()
	}
	c := s.begin()
	c.ctx, c.peer, c.arrived = ctx, from, from.arrived
	s.step(c, (*Server).dispatch)
}

// step takes a request a step further and reports whether it has been answered. Whatever
// panics below costs that request alone.
func (s *Server) step(c *call, next func(*Server, *call) (gateway.Step, error)) (answered bool) {
	answered = true
	defer s.finish(c, &answered)
	state, err := next(s, c)
	if state == gateway.Pending {
		answered = false
		return
	}
	if err != nil {
		f := fault.Of(err)
		if x := c.exchange; x == nil || x.Model == nil {
			if f.Kind == fault.Internal {
				s.failures.Error(s.opt.Log, "request failed", zap.String("request_id", string(c.id)), zap.Error(err))
			}
			c.refused.Fault = f.Kind
			s.opt.Observer.Refused(f.Kind)
		}
		wire.WriteFault(&c.ctx.Response, f)
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
	ctx.Response.Header.SetCanonical(headerRequestID, c.id)
	if reason != nil {
		*answered = true
		s.panicked(c, reason)
	}
	s.logAccess(c)
	if s.draining.Load() {
		ctx.SetConnectionClose()
	}
	ctx.Request.ReleaseBody(memory.MaxPooled)
	s.opt.Observer.Answered(ctx.Response.StatusCode())
	c.ctx = nil
	if to, ok := c.peer.(*conn); ok { // else it is the event loop that ends the call
		to.answers(c)
	}
}

// panicked answers a request whose handler panicked.
func (s *Server) panicked(c *call, reason any) {
	if x := c.exchange; x != nil {
		x.Spoil()
	}
	c.refused.Fault = fault.Internal
	wire.WriteFault(&c.ctx.Response, fault.New(fault.Internal, "internal error"))
	c.inflated.Abandon() // nobody knows what still looks at it
	s.failures.Error(s.opt.Log, "request panicked", zap.String("request_id", string(c.id)), zap.Any("panic", reason), zap.Stack("stack"))
	s.opt.Observer.Refused(fault.Internal)
}

// dispatch finds the route and serves it.
func (s *Server) dispatch(c *call) (gateway.Step, error) {
	header := &c.ctx.Request.Header
	c.id = wire.AppendRequestID(c.id[:0], header.PeekCanonical(headerRequestID))
	if s.opt.AccessLog.On() {
		c.remember()
	}
	route, n, f := s.route(header.Method(), header.RequestURI(), &c.params)
	if f != nil {
		if n != nil {
			c.ctx.Response.Header.Set("Allow", n.allow)
		}
		return gateway.Ends, f
	}
	return route.serve(s, c)
}

// route finds a request's route, or says why there is none. If the path has only other methods, the node
// lists them.
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
	wire.WriteFault(&ctx.Response, fault.New(fault.BadHeader, "the request's header is malformed"))
	c := ctx.Conn().(*conn)
	if c.refused {
		return // it has been answered
	}
	id, sent := wire.AppendRequestID(nil, c.opening.id), len(ctx.Response.Body())
	ctx.Response.Header.SetCanonical(headerRequestID, id)
	if c.opening.isHead() {
		ctx.Response.SkipBody, sent = true, 0
	}
	c.logRefusal(fault.BadHeader, id, sent)
	s.opt.Observer.Refused(fault.BadHeader)
	s.opt.Observer.Answered(ctx.Response.StatusCode())
}
