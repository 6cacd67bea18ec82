package gateway

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/internal/oip"
	"sluice/internal/oip/v1"
	"sluice/internal/oip/wire"
	"sluice/internal/origin"
	"sluice/internal/task"
)

// Exchange is one prediction, from what a front end has read to the end of its answer. It knows no
// protocol of transport. A front end gets one (Gateway.Get), fills in the first block of fields, takes it
// along the way (predict.go), answers what has come of it, and gives it back (Gateway.End).
type Exchange struct {
	// The front end sets these before Predict.

	// Name and Version name the model; Version is nil for the one that is live. They are views
	// that are good until Predict returns.
	Name, Version []byte
	// Format is how body and answer are written.
	Format Format
	Head   Head
	// Body is the request's body as it came. After Predict it is nil unless Options.KeepBody wants it,
	// and then it is good until End.
	Body []byte
	// ID is the request's id; the exchange owns the bytes.
	ID []byte
	// Peer tells whether the client is still there; it may be nil.
	Peer    task.Peer
	Arrived clock.Instant
	// Front hears when an exchange that is pending goes on. It is nil if Predict is to block instead.
	Front Front
	// Room is where a small answer goes; it may be grown. It is set before the call, Predict or Resume,
	// that is going to encode.
	Room []byte

	// The way sets these.

	// Model is nil until it has been found, and from then on pinned until End, or until its canary is pinned in its
	// place, or a rung of its ladder takes that. So is the task there.
	Model Model
	Task  *task.Task
	// Fall is how another model than the one that was asked came to answer.
	Fall Fall
	// Exposure is how the model's version was chosen.
	Exposure Exposure
	// Decoded says that the task has its rows, inputs, deadline and priority.
	Decoded bool
	// Err is why there is no answer; nil if there is one.
	Err     error
	Outcome Outcome
	// Filling is what became of the inputs that are filled; whoever fills them sets it.
	Filling Filled
	// Trail is that for each value, where somebody asks for it. It is good if the inputs follow the schema of runs.
	Trail origin.Trail
	// Explain says that the answer is to have it: the head asks for that.
	Explain bool
	// Answer is the encoded answer. It is of Room, or if Large, of the exchange until End.
	Answer []byte
	Large  bool
	// AnswerHead is the length of the answer's JSON if tensors follow; 0 if they do not.
	AnswerHead int
	// AnswerCoding is how the answer is compressed.
	AnswerCoding Coding

	g        *Gateway
	next     int  // the next step of the way
	ended    bool // the outcome is complete
	spoiled  bool
	budgeted bool // the head names the budget
	turn     bool // it has one of Gateway.turns
	form     wire.AnswerForm
	accept   Coding // the client takes it
	request  oip.Request
	v1       v1.Request
	inflated memory.Buffer // decompressed body
	plain    []byte        // the body without its coding, if the look for a timeout came to need it
	answer   memory.Buffer // the large answer, and what is counted for a small one
	kept     memory.Buffer // Body and Head, where they outlive the front end's buffers

	// Of a fill (fill.go).
	state    atomic.Uint32
	report   error         // what it reported
	due      clock.Instant // the deadline, for the timer
	timer    *time.Timer
	wake     chan struct{} // of an exchange without a Front
	unpooled bool          // its timer may still fire: it cannot be used again
}

// Head is what a front end has read beside the body: values as the client wrote them, nil where it did
// not. They are views that live as long as Body does.
type Head struct {
	Budget       []byte // milliseconds
	Nonfinite    []byte // the words null or literal
	Explain      []byte // the word features
	HeaderLength []byte // the length of the JSON in front of binary tensors
	// ContentEncoding is how the body is compressed, AcceptEncoding how the answer may be.
	ContentEncoding, AcceptEncoding []byte
	ContentType                     []byte
	Unit                            []byte // whom the request is about, such as a user: see split.go
}

// Front is a front end that does not wait for the way's slow steps.
type Front interface {
	// Ready is told, on any goroutine, that a pending exchange goes on with Resume, which is to be called
	// on another. It must return at once. It returns whom to wake when all that became ready together
	// have been told; nil if nobody.
	Ready(x *Exchange) task.Waker
	// Submitted is told that an exchange which was pending has been submitted on a goroutine that is not the
	// front end's: what the submission sets going may wait for the front end to run it.
	Submitted()
}

// Get returns an empty exchange.
func (g *Gateway) Get() *Exchange {
	x := exchanges.Get().(*Exchange)
	x.g = g
	return x
}

var exchanges = sync.Pool{New: func() any { return &Exchange{wake: make(chan struct{}, 1)} }}

// Ended is called by the scheduler, on any goroutine: the task has ended.
func (x *Exchange) Ended() task.Waker { return x.Front.Ready(x) }

// fails ends the exchange with a fault.
func (x *Exchange) fails(err error) Step {
	x.Err = err
	return Ends
}

// Spoil ends an exchange in which something has panicked: nobody knows what still looks at its
// memory, so that it is not used again.
func (x *Exchange) Spoil() {
	x.spoiled = true
	x.Err = fault.New(fault.Internal, "internal error")
	x.Outcome.Fault = fault.Internal
}

// Written notes that the answer, or a part of it, has been handed to the kernel.
func (x *Exchange) Written() {
	if o := &x.Outcome; x.Answer != nil && !o.Late && !o.Overran {
		o.Overran = clock.Now() > x.Task.Deadline
	}
}

// settle lets go of what only decoding needed. What a listener wants of the body is kept.
func (x *Exchange) settle() {
	x.plain = nil
	x.g.endTurn(x)
	if x.spoiled {
		x.inflated.Abandon()
	} else {
		x.inflated.Release()
	}
	switch {
	case x.Body == nil || len(x.kept.Bytes) > 0:
	case !x.g.opt.KeepBody(x):
		x.Body, x.Head = nil, Head{}
	case x.Front != nil:
		x.keep()
	}
	x.Name, x.Version = nil, nil
}

// keep copies the body, and what tells how to read it; without memory for that there is none.
func (x *Exchange) keep() {
	h, n := x.Head, len(x.Body)
	x.Head = Head{}
	total := n + len(h.HeaderLength) + len(h.ContentEncoding) + len(h.ContentType)
	if !x.kept.Grow(x.g.Bodies, total+1) {
		x.Body = nil
		return
	}
	put := func(b []byte) []byte {
		from := len(x.kept.Bytes)
		x.kept.Bytes = append(x.kept.Bytes, b...)
		return x.kept.Bytes[from:len(x.kept.Bytes):len(x.kept.Bytes)]
	}
	x.kept.Bytes = append(x.kept.Bytes, 0)
	x.Body = put(x.Body)
	if h.HeaderLength != nil {
		x.Head.HeaderLength = put(h.HeaderLength)
	}
	x.Head.ContentEncoding, x.Head.ContentType = put(h.ContentEncoding), put(h.ContentType)
}

// JSONLength is the length of the JSON in front of binary tensors; -1 if the request does not tell it,
// or not rightly.
func (x *Exchange) JSONLength() int {
	n, err := oip.ParseHeaderLength(x.Head.HeaderLength, len(x.Body))
	if err != nil {
		return -1
	}
	return n
}

// recycle empties the exchange and gives it to the pool.
func (x *Exchange) recycle() {
	x.Name, x.Version, x.Format, x.Head, x.Body, x.ID = nil, nil, nil, Head{}, nil, x.ID[:0]
	x.Peer, x.Arrived, x.Front, x.Room = nil, 0, nil, nil
	x.Model, x.Task, x.Exposure, x.Decoded, x.Err, x.Outcome = nil, nil, Exposure{}, false, nil, Outcome{}
	x.Filling = Filled{}
	x.Fall.reset()
	x.Trail.Reset()
	x.Explain = false
	x.Answer, x.Large, x.AnswerHead, x.AnswerCoding = nil, false, 0, Identity
	x.g, x.next, x.ended, x.budgeted, x.form, x.accept, x.plain = nil, 0, false, false, wire.AnswerForm{}, Identity, nil
	x.report, x.due = nil, 0
	x.state.Store(0)
	x.request.Reset()
	exchanges.Put(x)
}

// view is b as a string without a copy; it is good as long as b is.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
