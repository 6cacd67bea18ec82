package httpfront

import (
	"sync"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/gateway/http/wire"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/internal/task"
)

// call is one request on its way through the handlers, until its answer has been written. It is pooled: its
// buffers are what keeps a request from allocating.
type call struct {
	ctx     *fasthttp.RequestCtx
	peer    task.Peer // nil if the request did not come through Serve
	arrived clock.Instant
	params  params
	name    []byte // decoded model name

	exchange *gateway.Exchange // of a prediction; nil otherwise

	// Of a request that an event loop serves; nil otherwise.
	loop   *loop
	socket *socket
	next   *call // in loop.done

	inflated memory.Buffer // decompressed body of what is no prediction
	scratch  []byte        // header values
	method   []byte        // for the access log, as are the next two
	path     []byte
	received int             // bytes of the body on the wire
	id       []byte          // X-Request-Id, the client's or ours
	refused  gateway.Outcome // of what found no model: its fault
}

var calls = sync.Pool{New: func() any { return &call{} }}

func (c *call) recycle() {
	c.ctx, c.peer, c.params, c.refused.Fault = nil, nil, params{}, fault.None
	c.exchange = nil
	c.id, c.method, c.path, c.received = c.id[:0], c.method[:0], c.path[:0], 0
	c.loop, c.socket, c.next = nil, nil, nil
	c.inflated.Release()
	calls.Put(c)
}

// end takes back a call whose answer has been written, or has nobody to be written to.
func (s *Server) end(c *call) {
	if c.exchange != nil {
		s.gateway.End(c.exchange)
	}
	c.recycle()
}

// find pins the model that the path names.
func (s *Server) find(c *call) (gateway.Model, error) {
	var f *fault.Error
	if c.name, f = wire.ModelName(c.name[:0], c.params.model); f != nil {
		return nil, f
	}
	return s.gateway.Acquire(c.name, c.params.version)
}
