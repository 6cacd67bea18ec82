package httpfront

import (
	"bytes"
	"strconv"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/gateway/http/wire"
	"sluice/internal/fault"
)

// Predictions: from a parsed header to an exchange, and from an exchange to an answer.

func (s *Server) predict(c *call) (gateway.Step, error)   { return s.infer(c, gateway.V2) }
func (s *Server) predictV1(c *call) (gateway.Step, error) { return s.infer(c, gateway.V1) }

// infer takes a request along the gateway's way. On the goroutine of a connection it waits for the end; an
// event loop goes on to other requests while the exchange is pending.
func (s *Server) infer(c *call, format gateway.Format) (gateway.Step, error) {
	var f *fault.Error
	if c.name, f = wire.ModelName(c.name[:0], c.params.model); f != nil {
		return gateway.Ends, f
	}
	h := &c.ctx.Request.Header
	unit, f := single(h, headerUnit)
	if f != nil {
		return gateway.Ends, f
	}
	x := s.gateway.Get()
	c.exchange = x
	x.Name, x.Version, x.Format = c.name, c.params.version, format
	x.Arrived, x.Peer, x.ID = c.arrived, c.peer, append(x.ID, c.id...)
	x.Body = c.ctx.Request.Body()
	x.Head = gateway.Head{
		Budget: listed(h, headerBudget), Nonfinite: h.PeekCanonical(headerNonfinite), HeaderLength: h.PeekCanonical(headerBinaryLength),
		Explain: h.PeekCanonical(headerExplain), Unit: unit,
		ContentEncoding: listed(h, headerContentEncoding), AcceptEncoding: h.PeekCanonical(headerAcceptEncoding), ContentType: h.PeekCanonical(headerContentType),
	}
	if c.socket != nil {
		x.Front = looped{c.socket}
	} else {
		x.Room = c.ctx.Response.SwapBody(nil)[:0]
	}
	if s.gateway.Predict(x) == gateway.Pending {
		return gateway.Pending, nil // x may be another's
	}
	return gateway.Ends, s.respond(c)
}

// conclude answers a prediction that was pending. If it is pending again, this worker's room is not used for it.
func (s *Server) conclude(c *call) (gateway.Step, error) {
	x, resp := c.exchange, &c.ctx.Response
	room := resp.SwapBody(nil)[:0]
	x.Room = room
	if s.gateway.Resume(x) == gateway.Pending {
		resp.SwapBody(room) // x and c may be another's
		return gateway.Pending, nil
	}
	return gateway.Ends, s.respond(c)
}

// single is the value of a header that may be there once; nil without it.
func single(h *fasthttp.RequestHeader, name []byte) ([]byte, *fault.Error) {
	switch all := h.PeekAll(string(name)); len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return nil, fault.Newf(fault.InvalidParameter, "%s is there several times; send one", name)
}

// listed is a header's value; one that is there several times is a list.
func listed(h *fasthttp.RequestHeader, name []byte) []byte {
	switch all := h.PeekAll(string(name)); len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return bytes.Join(all, []byte(", "))
	}
}

// respond makes what has come of a prediction the answer. Its error is the exchange's fault.
func (s *Server) respond(c *call) error {
	x, resp := c.exchange, &c.ctx.Response
	if x.Room != nil && (x.Err != nil || x.Large) {
		resp.SwapBody(x.Room)
	}
	if x.Err != nil {
		if x.Model != nil {
			c.explain(&resp.Header, x)
			if o := &x.Outcome; o.Fault == fault.Overloaded || o.Fault == fault.NoCapacity {
				c.peer.Shed(min(o.Budget, x.Model.Info().Budget))
			}
		}
		return x.Err
	}
	if x.AnswerHead > 0 {
		c.scratch = strconv.AppendInt(c.scratch[:0], int64(x.AnswerHead), 10)
		resp.Header.SetCanonical(headerBinaryLength, c.scratch)
		resp.Header.SetContentTypeBytes(typeBinary)
	} else {
		resp.Header.SetContentTypeBytes(wire.TypeJSON)
	}
	if x.AnswerCoding != gateway.Identity {
		resp.Header.SetContentEncodingBytes(x.AnswerCoding.Word())
	}
	if x.Large {
		resp.SetBodyRaw(x.Answer) // it is let go once it is written
	} else {
		resp.SwapBody(x.Answer)
	}
	c.explain(&resp.Header, x)
	return nil
}
