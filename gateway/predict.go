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
	// encode appends the answer; binary is the length of its JSON part if tensors follow.
	encode(c *call, info *ModelInfo, dst []byte, t *task.Task) (out []byte, binary int, err error)
}

func (s *Server) predict(c *call) error   { return s.infer(c, formatV2{}) }
func (s *Server) predictV1(c *call) error { return s.infer(c, formatV1{}) }

// infer is a prediction from parsed header to encoded answer.
func (s *Server) infer(c *call, wire format) error {
	m, err := s.model(c)
	if err != nil {
		return err
	}
	defer m.Release()
	info, t := m.Info(), task.Get()
	if err = s.receive(c, m, info, wire, t); err == nil { // deadline, admission, decode
		if err = m.Predict(t); err == nil { //               queue, batch, run
			err = s.respond(c, info, wire, t) //             encode, headers
		}
	}
	s.account(c, m, info, t, err) //                         metrics, headers
	t.Release()
	return err
}

// receive fixes the deadline, asks whether there is any point in going on, and decodes.
func (s *Server) receive(c *call, m Model, info *ModelInfo, wire format, t *task.Task) error {
	budget, f := c.budget(info.Budget, s.opt.Limits.MaxBudget)
	if f != nil {
		return f
	}
	t.Arrived, t.Deadline = c.arrived, c.arrived.Add(budget)
	if c.conn != nil {
		t.Peer = c.conn
	}
	if err := m.Admit(t.Deadline); err != nil {
		return err
	}
	body, err := s.body(c)
	if err != nil {
		return err
	}
	c.outcome.RequestBytes = len(body)
	if err := wire.decode(s, c, info, body, t); err != nil {
		return err
	}
	c.outcome.Decode = clock.Now().Sub(c.arrived)
	return nil
}

// respond encodes the answer straight into fasthttp's buffer.
func (s *Server) respond(c *call, info *ModelInfo, wire format, t *task.Task) error {
	begin := clock.Now()
	resp := &c.ctx.Response
	out, binary, err := wire.encode(c, info, resp.SwapBody(nil)[:0], t)
	if err != nil {
		resp.SwapBody(out)
		return err
	}
	if binary > 0 {
		c.scratch = strconv.AppendInt(c.scratch[:0], int64(binary), 10)
		resp.Header.SetCanonical(headerBinaryLength, c.scratch)
		resp.Header.SetContentTypeBytes(typeBinary)
	} else {
		resp.Header.SetContentTypeBytes(typeJSON)
	}
	out = s.compress(c, out)
	if cap(out) > maxKeptBody {
		resp.SetBodyRaw(out) // let go once it is written
	} else {
		resp.SwapBody(out) // kept with the connection for its next answer
	}
	c.outcome.ResponseBytes = len(out)
	end := clock.Now()
	c.outcome.Encode, c.outcome.Total, c.outcome.Late = end.Sub(begin), end.Sub(c.arrived), end > t.Deadline
	return nil
}

// account explains a request that reached a model, to the client and to the metrics.
func (s *Server) account(c *call, m Model, info *ModelInfo, t *task.Task, err error) {
	o := &c.outcome
	c.reached = true
	o.Rows, o.Trace = t.Rows, t.Trace
	if err != nil {
		o.Fault = fault.Of(err).Kind
		o.Total = clock.Now().Sub(c.arrived)
	}
	c.explain(&c.ctx.Response.Header, info)
	s.opt.Observer.Predicted(m, o)
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
	if asked := c.request.Budget; asked > 0 {
		t.Deadline = min(t.Deadline, t.Arrived.Add(asked))
	}
	t.Priority = priority(c.request.Priority)
	return nil
}

func (formatV2) encode(c *call, info *ModelInfo, dst []byte, t *task.Task) ([]byte, int, error) {
	return c.request.AppendResponse(dst, info.Schema, info.Name, info.Version, t)
}
