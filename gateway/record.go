package gateway

import (
	"sluice/internal/oip"
	"sluice/internal/task"
)

// Recorder is told of every request that reaches a model, once it has been decoded or refused and
// before it is queued. It runs on the request path: it must not block, allocate, or keep its argument
// or what that gives it.
type Recorder interface {
	Arrived(r Request)
}

type noRecorder struct{}

func (noRecorder) Arrived(Request) {}

// Request is a view of a request for a Recorder. It costs nothing that is not asked for.
type Request struct {
	c       *call
	decoded bool
}

// Model is the model version that was asked.
func (r Request) Model() *ModelInfo { return r.c.model.Info() }

// Decoded says that the task has its rows, inputs, deadline and priority. Without it the request was
// refused early, and of the task only Arrived is good, and Deadline if it is not 0.
func (r Request) Decoded() bool { return r.decoded }

// Task is what the request became.
func (r Request) Task() *task.Task { return r.c.task }

// Body is the request's body as it came over the wire.
func (r Request) Body() []byte { return r.c.ctx.Request.Body() }

// ContentType and ContentEncoding are the values of those headers.
func (r Request) ContentType() string {
	return view(r.c.ctx.Request.Header.PeekCanonical(headerContentType))
}

// ContentEncoding is "" for a body that is not compressed.
func (r Request) ContentEncoding() string {
	return view(r.c.ctx.Request.Header.PeekCanonical(headerContentEncoding))
}

// HeaderLength is the length of the JSON in front of binary tensors; -1 if the request does
// not tell it, or not rightly.
func (r Request) HeaderLength() int {
	n, err := oip.ParseHeaderLength(r.c.ctx.Request.Header.PeekCanonical(headerBinaryLength), len(r.Body()))
	if err != nil {
		return -1
	}
	return n
}

// V1 says that it came on the older predict path.
func (r Request) V1() bool { return r.c.wire == format(formatV1{}) }
