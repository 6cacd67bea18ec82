package httpfront

import (
	"bytes"

	"sluice/internal/fault"
)

// chunkedBody is the body length of a request whose body comes in chunks.
const chunkedBody = -1

// head is what the guard must know of a header block to frame the request.
type head struct {
	size int   // bytes of the block with its blank line; 0 while it is not complete
	body int64 // bytes of the body, or chunkedBody
	// plain says that HTTP/1.1 is spoken and that the body, if there is one, follows at once,
	// has a length, and is not encoded.
	plain bool
	// last says that the client wants no answer after this one: Connection has close.
	last bool
	// expects says that the client waits before it sends its body, expectFrom and expectTo which
	// bytes of the block say so.
	expects              bool
	expectFrom, expectTo int
	// frameFrom and frameTo are which bytes of the block frame the body.
	frameFrom, frameTo int
}

// cutExpectation takes the expectation out of p, of which got bytes are there: the connection
// itself meets it, and fasthttp is not to do so again.
func (h *head) cutExpectation(p []byte, got int) int {
	n := h.expectTo - h.expectFrom
	if n > 0 {
		copy(p[h.expectFrom:], p[h.expectTo:got])
		h.size -= n
		if h.frameFrom > h.expectFrom {
			h.frameFrom -= n
			h.frameTo -= n
		}
	}
	return got - n
}

// cutFraming takes the line that frames the body out of the block at the start of p: what fasthttp
// then reads is a request without a body.
func (h *head) cutFraming(p []byte) {
	copy(p[h.frameFrom:], p[h.frameTo:h.size])
	h.size -= h.frameTo - h.frameFrom
}

// scanHead frames the request whose first bytes are p. It refuses whatever two readers
// could understand differently, because the next one may be a proxy: what it lets
// through, fasthttp frames the same way. Names and values are otherwise left alone.
//
// It starts over with every fragment of a header; a client that sends single bytes pays
// for a system call each time, which costs more than the scan.
func scanHead(p []byte, lim *Limits) (head, *fault.Error) {
	first := bytes.IndexByte(p, '\n')
	if f := checkTarget(p, first, lim); f != nil {
		return head{}, f
	}
	if first < 0 {
		return head{}, checkHeadSize(len(p), lim)
	}
	http11, f := checkRequestLine(p[:first], lim)
	if f != nil {
		return head{}, f
	}
	s := headScan{http11: http11, length: -1}
	for at, lines := first+1, 0; ; lines++ {
		end := bytes.IndexByte(p[at:], '\n')
		if end < 0 {
			return head{}, checkHeadSize(len(p), lim)
		}
		line := p[at : at+end]
		began := at
		at += end + 1
		if len(line) == 0 || line[len(line)-1] != '\r' {
			return head{}, fault.New(fault.BadHeader, "a header line does not end with CR LF")
		}
		line = line[:len(line)-1]
		if len(line) == 0 {
			if f := checkHeadSize(at, lim); f != nil {
				return head{}, f
			}
			return s.framing(at, lim)
		}
		if lines == lim.MaxHeaders {
			return head{}, fault.Newf(fault.HeadersTooLarge, "more than %d headers (limits.max_headers)", lim.MaxHeaders)
		}
		expected, framed := s.expects, s.framed()
		if f := s.line(line); f != nil {
			return head{}, f
		}
		if s.expects && !expected {
			s.expectFrom, s.expectTo = began, at
		}
		if s.framed() && !framed {
			s.frameFrom, s.frameTo = began, at
		}
	}
}

// checkTarget looks at a request line that may still be incomplete: bytes that cannot
// start one (a TLS handshake on the plain port), and a target that is too long.
func checkTarget(p []byte, end int, lim *Limits) *fault.Error {
	if end < 0 {
		end = len(p)
	}
	method := bytes.IndexByte(p[:end], ' ')
	if method < 0 {
		method = min(end, maxMethod+1)
		if end > maxMethod {
			return badRequestLine()
		}
	}
	for _, b := range p[:method] {
		if !isToken[b] {
			return badRequestLine()
		}
	}
	if end-method > lim.MaxURIBytes+len("  HTTP/1.1\r") {
		return uriTooLong(lim)
	}
	return nil
}

func uriTooLong(lim *Limits) *fault.Error {
	return fault.Newf(fault.URITooLong, "the request target is longer than %d bytes (limits.max_uri_bytes)", lim.MaxURIBytes)
}

const maxMethod = 24

// checkRequestLine reads METHOD SP target SP HTTP/1.x CR.
func checkRequestLine(line []byte, lim *Limits) (http11 bool, f *fault.Error) {
	if len(line) == 0 || line[len(line)-1] != '\r' {
		return false, badRequestLine()
	}
	line = line[:len(line)-1]
	method := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if method <= 0 || last <= method+1 || bytes.IndexByte(line[method+1:last], ' ') >= 0 {
		return false, badRequestLine()
	}
	if last-method-1 > lim.MaxURIBytes {
		return false, uriTooLong(lim)
	}
	switch version := line[last+1:]; {
	case string(version) == "HTTP/1.1":
		return true, nil
	case string(version) == "HTTP/1.0":
		return false, nil
	case len(version) == 8 && string(version[:5]) == "HTTP/" && isDigit(version[5]) && version[6] == '.' && isDigit(version[7]):
		return false, fault.New(fault.HTTPVersionUnsupported, "only HTTP/1.1 and HTTP/1.0 are spoken here")
	}
	return false, badRequestLine()
}

func badRequestLine() *fault.Error {
	return fault.New(fault.BadRequestLine, "the request does not start with an HTTP/1.1 request line")
}

func checkHeadSize(size int, lim *Limits) *fault.Error {
	if size > lim.MaxHeaderBytes {
		return fault.Newf(fault.HeadersTooLarge, "the header is larger than %d bytes (limits.max_header_bytes)", lim.MaxHeaderBytes)
	}
	return nil
}

// headScan gathers what frames a request. The head is complete after framing.
type headScan struct {
	head
	http11  bool
	host    bool
	chunked bool
	special bool  // an expectation or an encoded body
	length  int64 // -1 if there is no Content-Length
}

// framed says that the line has been seen that frames the body; there can be one.
func (s *headScan) framed() bool { return s.chunked || s.length >= 0 }

func (s *headScan) line(line []byte) *fault.Error {
	if line[0] == ' ' || line[0] == '\t' {
		return fault.New(fault.BadHeader, "a header is folded over several lines")
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || bytes.IndexByte(line[:colon], ' ') >= 0 || line[colon-1] == '\t' {
		return fault.New(fault.BadHeader, "a header line is not of the form name: value")
	}
	name := line[:colon]
	switch len(name) {
	case len("host"):
		if foldEqual(name, "host") {
			if s.host || len(trimBlank(line[colon+1:])) == 0 {
				return fault.New(fault.BadHost, "a request needs exactly one Host header")
			}
			s.host = true
		}
	case len("expect"):
		if foldEqual(name, "expect") {
			if s.expects || !foldEqual(trimBlank(line[colon+1:]), "100-continue") {
				return fault.New(fault.ExpectationFailed, "only the expectation 100-continue can be met")
			}
			s.special, s.expects = true, true
		}
	case len("connection"):
		s.last = s.last || foldEqual(name, "connection") && hasClose(line[colon+1:])
	case len("content-encoding"):
		s.special = s.special || foldEqual(name, "content-encoding")
	case len("content-length"):
		if foldEqual(name, "content-length") {
			return s.contentLength(trimBlank(line[colon+1:]))
		}
	case len("transfer-encoding"):
		if foldEqual(name, "transfer-encoding") {
			return s.transferEncoding(trimBlank(line[colon+1:]))
		}
	}
	return nil
}

// contentLength takes digits only; 18 of them cannot overflow.
func (s *headScan) contentLength(value []byte) *fault.Error {
	if s.length >= 0 || len(value) == 0 || len(value) > 18 {
		return fault.New(fault.BadContentLength, "Content-Length must be there once, with at most 18 digits")
	}
	n := int64(0)
	for _, b := range value {
		if !isDigit(b) {
			return fault.New(fault.BadContentLength, "Content-Length must be a plain number")
		}
		n = n*10 + int64(b-'0')
	}
	s.length = n
	return nil
}

func (s *headScan) transferEncoding(value []byte) *fault.Error {
	switch {
	case !s.http11:
		return fault.New(fault.AmbiguousFraming, "Transfer-Encoding needs HTTP/1.1")
	case s.chunked:
		return fault.New(fault.AmbiguousFraming, "Transfer-Encoding is there twice")
	case !foldEqual(value, "chunked"):
		return fault.New(fault.TransferEncodingUnsupported, "the only Transfer-Encoding understood is chunked")
	}
	s.chunked = true
	return nil
}

func (s *headScan) framing(size int, lim *Limits) (head, *fault.Error) {
	switch {
	case s.http11 && !s.host:
		return head{}, fault.New(fault.BadHost, "a request needs exactly one Host header")
	case s.chunked && s.length >= 0:
		return head{}, fault.New(fault.AmbiguousFraming, "a request has either Content-Length or Transfer-Encoding")
	case s.length > lim.MaxBodyBytes:
		return head{}, bodyTooLarge(lim.MaxBodyBytes)
	}
	s.size, s.body = size, max(s.length, 0)
	if s.chunked {
		s.body = chunkedBody
	}
	s.plain = s.http11 && !s.special && !s.chunked
	s.expects = s.expects && s.http11 // HTTP/1.0 has no 100
	return s.head, nil
}

func bodyTooLarge(most int64) *fault.Error {
	return fault.Newf(fault.BodyTooLarge, "the body is larger than %d bytes (limits.max_body_bytes)", most)
}
