package gateway

import (
	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/internal/task"
)

// Step says how a step has left an exchange.
type Step uint8

// The next step may begin; or the exchange is with somebody else, and its front end hears when it goes on;
// or it has its answer, or the fault that stands for one.
const (
	GoesOn Step = iota
	Pending
	Ends
)

// The steps of the way, in their order.
const (
	finding = iota
	dating
	admitting
	decoding
	choosing
	filling // a rung of a ladder begins here
	submitting
	running
	encoding // from here on no rung is tried any more
)

// way is a prediction, from a name to the encoded answer. The front end then writes the answer, and
// Gateway.End is called once it has been written.
var way = [...]func(*Gateway, *Exchange) Step{
	finding:    (*Gateway).find,     // pins the model version
	dating:     (*Gateway).deadline, // fixes the instant that every later step compares with
	admitting:  (*Gateway).admit,    // turns away what no lane could answer in time, before it costs anything
	decoding:   (*Gateway).decode,   // fills the task from the body
	choosing:   (*Gateway).choose,   // the live version, or its canary for a share of the units
	filling:    (*Gateway).fill,     // what a store has of the inputs
	submitting: (*Gateway).submit,   // queue, batch, run
	running:    (*Gateway).ran,      // what has come of it
	encoding:   (*Gateway).encode,   // the task's outputs, as the client wants them
}

// Predict takes an exchange from its beginning until it ends or is pending. After Pending the exchange is not
// to be touched before Front.Ready.
func (g *Gateway) Predict(x *Exchange) Step { return g.walk(x) }

// Resume takes an exchange that Front.Ready was told of to its end, or until it is pending again: on another rung of a ladder.
func (g *Gateway) Resume(x *Exchange) Step { return g.walk(x) }

// walk goes on along the way. What panics there costs this exchange alone.
func (g *Gateway) walk(x *Exchange) (s Step) {
	defer func() {
		if reason := recover(); reason != nil {
			s = Ends
			x.Spoil()
			g.failures.Error(g.opt.Log, "request panicked", zap.String("request_id", string(x.ID)), zap.Any("panic", reason), zap.Stack("stack"))
		}
		if s == Ends && !x.ended { // after Pending x may be another's
			x.ended = true
			g.account(x)
			x.settle()
		}
	}()
	for {
		for s = GoesOn; s == GoesOn && x.next < len(way) && x.Err == nil; {
			step := way[x.next]
			x.next++
			s = step(g, x)
		}
		if s == Pending {
			return s // x may be another's
		}
		if x.Err == nil || !g.falls(x) {
			return Ends
		}
	}
}

// find pins the model that the request names.
func (g *Gateway) find(x *Exchange) Step {
	m, err := g.Acquire(x.Name, x.Version)
	if err != nil {
		return x.fails(err)
	}
	t := task.Get()
	t.Answers, t.Arrived, t.Peer = g.Answers, x.Arrived, x.Peer
	x.Model, x.Task, x.Exposure.Named = m, t, x.Version != nil
	return GoesOn
}

// decode takes the body's coding off and has the format fill the task.
func (g *Gateway) decode(x *Exchange) Step {
	body, err := x.plain, error(nil)
	if body == nil {
		if body, err = g.plainBody(x); err != nil {
			return x.fails(err)
		}
	}
	x.Outcome.RequestBytes = len(body)
	x.accept = acceptable(x.Head.AcceptEncoding)
	if err := x.Format.decode(x, body); err != nil {
		return x.fails(err)
	}
	x.Decoded = true
	x.Outcome.Decode = clock.Now().Sub(x.Arrived)
	return GoesOn
}

// submit has the model run the task: without a Front it waits for the end of it.
func (g *Gateway) submit(x *Exchange) Step {
	if x.Fall.Constant() {
		return x.constant()
	}
	if x.Front == nil {
		if err := x.Model.Predict(x.Task); err != nil {
			return x.fails(err)
		}
		return GoesOn
	}
	x.Task.Waiter = x
	if err := x.Model.Submit(x.Task); err != nil {
		return x.fails(err)
	}
	return Pending
}

// ran looks at what has come of the task.
func (g *Gateway) ran(x *Exchange) Step {
	switch {
	case x.Front != nil && x.Task.Err != nil:
		return x.fails(x.Task.Err)
	case x.Task.Lacking():
		return x.fails(g.noRoomForAnswers())
	}
	return GoesOn
}

// encode writes the answer, if there is memory for it.
func (g *Gateway) encode(x *Exchange) Step {
	begin := clock.Now()
	dst, err := g.answerBuffer(x)
	if err != nil {
		return x.fails(err)
	}
	out, head, err := x.Format.encode(x, dst)
	if !x.Large {
		x.Room = out
	}
	if err != nil {
		return x.fails(err)
	}
	if len(out) > memory.Uncounted && !x.answer.Count(g.Answers, len(out)) {
		return x.fails(g.noRoomForAnswers())
	}
	x.AnswerHead, x.Answer = head, out
	g.compress(x)
	o := &x.Outcome
	o.ResponseBytes = len(x.Answer)
	end := clock.Now()
	o.Encode, o.Total, o.Late = end.Sub(begin), end.Sub(x.Arrived), end > x.Task.Deadline
	return Ends
}

// smallAnswer is the largest answer that is written into Exchange.Room.
const smallAnswer = 64 << 10

// answerBuffer is where the answer is written to, counted before it is taken.
func (g *Gateway) answerBuffer(x *Exchange) ([]byte, error) {
	n := min(x.Format.estimate(x), g.opt.Limits.MaxAnswerBytes+smallAnswer)
	switch {
	case n <= memory.Uncounted:
		return x.Room[:0], nil
	case n <= smallAnswer:
		if x.answer.Count(g.Answers, int(n)) {
			return x.Room[:0], nil
		}
	case x.answer.Grow(g.Answers, int(n)):
		x.Large = true
		return x.answer.Bytes[:0], nil
	}
	return nil, g.noRoomForAnswers()
}

// account completes the outcome. Where an exchange failed for a reason that the client is not told, it is
// logged.
func (g *Gateway) account(x *Exchange) {
	o := &x.Outcome
	if x.Err != nil {
		f := fault.Of(x.Err)
		o.Fault = f.Kind
		o.Total = clock.Now().Sub(x.Arrived)
		if x.Model != nil && !x.spoiled {
			g.logCause(x, f)
		}
	}
	if t := x.Task; t != nil {
		o.Rows, o.Trace = t.Rows, t.Trace
		if t.Deadline != 0 {
			o.Budget = t.Deadline.Sub(t.Arrived)
		}
	}
}
