package httpfront

import (
	"bytes"

	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/http1"
)

var answerContinue = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// meetExpectation answers a client that waits before it sends its body. The client may go on, unless the
// header alone tells that the body would be read for nothing. fasthttp would always let it go on.
// A refusal ends the connection, since the client may send the body all the same.
func (c *conn) meetExpectation(block []byte) *fault.Error {
	if f := c.foresee(block); f != nil {
		return f
	}
	_, _ = c.Write(answerContinue) // a client that left is seen when its body is read
	return nil
}

// foresee is the refusal that a request gets whatever its body is, because of its route, its method,
// its model or its coding, or because the server takes no more. The queue is not asked: how long the
// request may take is in its body.
func (c *conn) foresee(block []byte) *fault.Error {
	line, _, _ := bytes.Cut(block, []byte("\r\n"))
	method, target := requestLine(line)
	s, call := c.s, c.s.begin()
	defer call.End()
	route, n, f := s.route(method, target, &call.params)
	if f != nil {
		if n != nil {
			c.allow = n.allow
		}
		return f
	}
	if route.Class != Infer {
		return nil
	}
	model, err := s.find(call)
	if err != nil {
		return fault.Of(err)
	}
	model.Release()
	_, f = gateway.ParseCoding(http1.Field(block, "content-encoding"))
	return f
}
