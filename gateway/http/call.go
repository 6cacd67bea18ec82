package httpfront

import (
	"net/netip"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/gateway/http/loop"
	"sluice/gateway/http/wire"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/internal/task"
)

// peer is the connection of a request: a conn, or the socket of an event loop.
type peer interface {
	task.Peer
	// Address is the client's.
	Address() netip.AddrPort
	// Shed tells that the request, with that budget, is refused for want of capacity.
	Shed(budget time.Duration)
}

// call is one request on its way through the handlers, until its answer has been written. It is pooled: its
// buffers are what keeps a request from allocating.
type call struct {
	s       *Server
	ctx     *fasthttp.RequestCtx
	peer    peer         // its connection
	socket  *loop.Socket // the same, if an event loop serves it; nil otherwise
	arrived clock.Instant
	params  params
	name    []byte // decoded model name

	exchange *gateway.Exchange // of a prediction; nil otherwise

	inflated memory.Buffer // decompressed body of what is no prediction
	scratch  []byte        // header values
	method   []byte        // for the access log, as are the next two
	path     []byte
	received int             // bytes of the body on the wire
	id       []byte          // X-Request-Id, the client's or ours
	refused  gateway.Outcome // of what found no model: its fault
}

var calls = sync.Pool{New: func() any { return &call{} }}

// begin returns an empty call.
func (s *Server) begin() *call {
	c := calls.Get().(*call)
	c.s = s
	return c
}

// End takes back a call whose answer has been written, or cannot be.
func (c *call) End() {
	if c.exchange != nil {
		c.s.gateway.End(c.exchange)
	}
	c.s, c.ctx, c.peer, c.socket, c.exchange = nil, nil, nil, nil, nil
	c.params, c.refused.Fault = params{}, fault.None
	c.id, c.method, c.path, c.received = c.id[:0], c.method[:0], c.path[:0], 0
	c.inflated.Release()
	calls.Put(c)
}

// find pins the model that the path names.
func (s *Server) find(c *call) (gateway.Model, error) {
	var f *fault.Error
	if c.name, f = wire.ModelName(c.name[:0], c.params.model); f != nil {
		return nil, f
	}
	return s.gateway.Acquire(c.name, c.params.version)
}
