package gateway

import (
	"sync"
	"unsafe"

	"github.com/valyala/fasthttp"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/near"
	"sluice/internal/oip"
	"sluice/internal/task"
)

// call is one request on its way through the handlers. It is pooled: its buffers and
// the decoder's are what keeps a request from allocating.
type call struct {
	ctx     *fasthttp.RequestCtx
	peer    task.Peer // nil if the request did not come through Serve
	arrived clock.Instant
	params  params
	name    []byte // decoded model name

	// Of a prediction, from receive to conclude.
	model Model
	wire  format
	task  *task.Task
	// Of a request that an event loop serves; nil otherwise.
	loop   *loop
	socket *socket
	next   *call // in loop.done

	request  oip.Request
	v1       oip.V1Request
	inflated buffer // decompressed body
	answer   buffer // encoded, and what is counted for it
	plain    []byte // the body without its coding, if the look for a timeout came to need it
	budgeted bool   // the header names the budget
	accept   coding // of the answer
	form     oip.AnswerForm
	scratch  []byte // header values
	method   []byte // for the access log, as are the next two
	path     []byte
	received int    // bytes of the body on the wire
	id       []byte // X-Request-Id, the client's or ours
	reached  bool   // a model has been asked, so the outcome is reported
	outcome  Outcome
}

var calls = sync.Pool{New: func() any { return &call{} }}

// maxKeptBody bounds the body buffers that an idle call, connection or worker holds on to.
const maxKeptBody = 1 << 20

func (c *call) recycle() {
	c.ctx, c.peer, c.params, c.reached = nil, nil, params{}, false
	c.model, c.wire, c.task = nil, nil, nil
	c.id, c.method, c.path, c.received = c.id[:0], c.method[:0], c.path[:0], 0
	c.loop, c.socket, c.next = nil, nil, nil
	c.request.Reset()
	c.plain, c.budgeted = nil, false
	c.inflated.release()
	c.outcome = Outcome{}
	calls.Put(c)
}

// find pins the model that the path names.
func (s *Server) find(c *call) (Model, error) {
	var f *fault.Error
	if c.name, f = modelName(c.name[:0], c.params.model); f != nil {
		return nil, f
	}
	name, version := view(c.name), ""
	if c.params.version != nil {
		if !isVersion(c.params.version) {
			return nil, s.noSuchVersion(name)
		}
		version = view(c.params.version)
	}
	return s.opt.Models.Acquire(name, version)
}

// noSuchVersion is the fault of a version that can be none.
func (s *Server) noSuchVersion(name string) error {
	m, err := s.opt.Models.Acquire(name, "")
	if err != nil {
		return err
	}
	defer m.Release()
	return fault.Newf(fault.VersionNotFound, "Request for unknown model: '%s' has no such version; its versions: %s", name, near.List("", m.Info().Versions()))
}

// view is b as a string without a copy; it is good as long as b is.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
