package gateway

import (
	"strconv"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/task"
)

// format is a wire format of predictions.
type format interface {
	// decode fills the task from the body and returns what the client asked of time and
	// priority.
	decode(s *Server, c *call, info *ModelInfo, body []byte, t *task.Task) error
	// estimate is about how many bytes the answer will have, rather more than less.
	estimate(c *call, info *ModelInfo, t *task.Task) int64
	// encode appends the answer; binary is the length of its JSON part if tensors follow.
	encode(c *call, info *ModelInfo, dst []byte, t *task.Task) (out []byte, binary int, err error)
}

func (s *Server) predict(c *call) error   { return s.infer(c, formatV2{}) }
func (s *Server) predictV1(c *call) error { return s.infer(c, formatV1{}) }

// infer is a prediction from parsed header to encoded answer.
func (s *Server) infer(c *call, wire format) (err error) {
	if c.model, err = s.find(c); err != nil {
		return err
	}
	c.wire, c.task = wire, task.Get()
	err = s.receive(c) // deadline, admission, decode
	s.opt.Recorder.Arrived(Request{c, err == nil})
	if err == nil {
		err = s.predictOn(c) // queue, batch, run
	}
	if err == errPending { //nolint:errorlint // a sentinel of this package, never wrapped
		return err // (*Server).conclude is called when the task has ended
	}
	return s.end(c, err)
}

// predictOn has the model run the task: the goroutine of a connection waits for it, an event
// loop goes on to other requests.
func (s *Server) predictOn(c *call) error {
	if c.loop == nil {
		return c.model.Predict(c.task)
	}
	c.task.Waiter = c
	if err := c.model.Submit(c.task); err != nil {
		return err
	}
	return errPending
}

// conclude answers a prediction whose task has ended.
func (s *Server) conclude(c *call) error { return s.end(c, c.task.Err) }

func (s *Server) end(c *call, err error) error {
	if err == nil {
		if err = s.respond(c); err == nil { // encode, headers
			c.model.Answered(c.task)
		}
	}
	s.account(c, err) // metrics, headers
	c.task.Release()
	return err
}

// receive fixes the deadline, asks whether there is any point in going on, and decodes.
func (s *Server) receive(c *call) error {
	info, t := c.model.Info(), c.task
	budget, f := c.budget(info.Budget, s.opt.Limits.MaxBudget)
	if f != nil {
		return f
	}
	t.Answers = s.answers
	t.Arrived, t.Deadline, t.Peer = c.arrived, c.arrived.Add(budget), c.peer
	if c.form, f = c.answerForm(info.NullNonFinite, s.opt.Limits.MaxAnswerBytes); f != nil {
		return f
	}
	if err := s.admitEarly(c); err != nil {
		return err
	}
	body, err := c.plain, error(nil)
	if body == nil {
		if body, err = s.body(c); err != nil {
			return err
		}
	}
	c.outcome.RequestBytes = len(body)
	c.accept = acceptable(c.ctx.Request.Header.PeekCanonical(headerAcceptEncoding))
	if err := c.wire.decode(s, c, info, body, t); err != nil {
		return err
	}
	c.outcome.Decode = clock.Now().Sub(c.arrived)
	return nil
}

// respond encodes the answer, if there is memory for it.
func (s *Server) respond(c *call) error {
	if c.task.Lacking() {
		return s.noRoomForAnswers()
	}
	begin := clock.Now()
	resp := &c.ctx.Response
	dst, large, err := s.answerBuffer(c)
	if err != nil {
		return err
	}
	out, binary, err := c.wire.encode(c, c.model.Info(), dst, c.task)
	if err == nil && len(out) > uncounted && !c.answer.hold.Grow(s.answers, int64(len(out))) {
		err = s.noRoomForAnswers()
	}
	if err != nil {
		if !large {
			resp.SwapBody(out)
		}
		return err
	}
	if binary > 0 {
		c.scratch = strconv.AppendInt(c.scratch[:0], int64(binary), 10)
		resp.Header.SetCanonical(headerBinaryLength, c.scratch)
		resp.Header.SetContentTypeBytes(typeBinary)
	} else {
		resp.Header.SetContentTypeBytes(typeJSON)
	}
	out = s.compress(c, out, large)
	if large {
		resp.SetBodyRaw(out) // it is let go once it is written
	} else {
		resp.SwapBody(out)
	}
	c.outcome.ResponseBytes = len(out)
	end := clock.Now()
	c.outcome.Encode, c.outcome.Total, c.outcome.Late = end.Sub(begin), end.Sub(c.arrived), end > c.task.Deadline
	return nil
}

// smallAnswer is the largest answer that is written into a buffer of fasthttp's.
const smallAnswer = 64 << 10

// answerBuffer is where the answer is written to, counted before it is taken. A large one is the call's own.
func (s *Server) answerBuffer(c *call) (dst []byte, large bool, err error) {
	n := min(c.wire.estimate(c, c.model.Info(), c.task), s.opt.Limits.MaxAnswerBytes+smallAnswer)
	switch {
	case n <= uncounted:
	case n <= smallAnswer:
		if !c.answer.hold.Grow(s.answers, n) {
			return nil, false, s.noRoomForAnswers()
		}
	case !c.answer.grow(s.answers, int(n)):
		return nil, false, s.noRoomForAnswers()
	default:
		return c.answer.bytes[:0], true, nil
	}
	return c.ctx.Response.SwapBody(nil)[:0], false, nil
}

// account explains a request that reached a model, to the client, to the metrics and, where it failed
// for a reason that the client is not told, to the log.
func (s *Server) account(c *call, err error) {
	o := &c.outcome
	c.reached = true
	o.Rows, o.Trace = c.task.Rows, c.task.Trace
	if c.task.Deadline != 0 {
		o.Budget = c.task.Deadline.Sub(c.task.Arrived)
	}
	if err != nil {
		f := fault.Of(err)
		o.Fault = f.Kind
		o.Total = clock.Now().Sub(c.arrived)
		s.logCause(c, f)
		if c.socket != nil && (f.Kind == fault.Overloaded || f.Kind == fault.NoCapacity) {
			c.socket.refuse(min(o.Budget, c.model.Info().Budget))
		}
	}
	c.explain(&c.ctx.Response.Header, c.model.Info())
	s.opt.Observer.Predicted(c.model, o)
}

// formatV2 is the Open Inference Protocol.
type formatV2 struct{}

func (formatV2) decode(s *Server, c *call, info *ModelInfo, body []byte, t *task.Task) error {
	length, err := oip.ParseHeaderLength(c.ctx.Request.Header.PeekCanonical(headerBinaryLength), len(body))
	if err != nil {
		return err
	}
	if length < 0 && len(body) == 0 {
		return fault.New(fault.EmptyBody, "the request has no body")
	}
	if err := c.request.Decode(info.Schema, info.Name, body, length, &s.opt.Limits.Decode, t); err != nil {
		return err
	}
	if f := c.timeout(c.request.Budget, info.Budget, s.opt.Limits.MaxBudget); f != nil {
		return f
	}
	t.Priority = priority(c.request.Priority)
	return nil
}

func (formatV2) estimate(c *call, info *ModelInfo, t *task.Task) int64 {
	return c.request.EstimateResponse(info.Name, t)
}

func (formatV2) encode(c *call, info *ModelInfo, dst []byte, t *task.Task) ([]byte, int, error) {
	c.request.Form = c.form
	return c.request.AppendResponse(dst, info.Schema, info.Name, info.Version, t)
}
