package http1

import "bytes"

// Chunked is the body length of a request whose body comes in chunks.
const Chunked = -1

// Limits bound a request.
type Limits struct {
	Target int   // bytes of the request's target
	Head   int   // bytes of the head with its blank line
	Fields int   // lines of the head, besides the request line
	Body   int64 // bytes that Content-Length may tell
}

// Request is what a head says of the request's frame.
type Request struct {
	Size int   // bytes of the head with its blank line; 0 while it is not complete
	Body int64 // bytes of the body, or Chunked
	// Plain says that HTTP/1.1 is spoken and that the body, if there is one, follows at once,
	// has a length, and is not encoded.
	Plain bool
	// Last says that the client wants no answer after this one: Connection has close.
	Last bool
	// Expects says that the client waits before it sends its body.
	Expects bool
	// expectFrom and expectTo are which bytes of the head say so, frameFrom and frameTo which
	// frame the body.
	expectFrom, expectTo int
	frameFrom, frameTo   int
}

// CutExpectation takes the expectation out of p, which begins with the head and of which got bytes are
// there, so that the next reader does not meet it again. It returns how many are left.
func (h *Request) CutExpectation(p []byte, got int) int {
	n := h.expectTo - h.expectFrom
	if n > 0 {
		copy(p[h.expectFrom:], p[h.expectTo:got])
		h.Size -= n
		if h.frameFrom > h.expectFrom {
			h.frameFrom -= n
			h.frameTo -= n
		}
	}
	return got - n
}

// CutFraming takes the line that frames the body out of the head at the start of p: what the next
// reader sees is a request without a body.
func (h *Request) CutFraming(p []byte) {
	copy(p[h.frameFrom:], p[h.frameTo:h.Size])
	h.Size -= h.frameTo - h.frameFrom
}

// ScanRequest frames the request whose first bytes are p. Names and values that do not frame it are
// left alone.
//
// It starts over with every fragment of a head; a client that sends single bytes pays
// for a system call each time, which costs more than the scan.
func ScanRequest(p []byte, lim *Limits) (Request, Fault) {
	first := bytes.IndexByte(p, '\n')
	if why := checkTarget(p, first, lim); why != None {
		return Request{}, why
	}
	if first < 0 {
		return Request{}, checkHeadSize(len(p), lim)
	}
	http11, why := checkRequestLine(p[:first], lim)
	if why != None {
		return Request{}, why
	}
	s := headScan{http11: http11, length: -1}
	for at, lines := first+1, 0; ; lines++ {
		end := bytes.IndexByte(p[at:], '\n')
		if end < 0 {
			return Request{}, checkHeadSize(len(p), lim)
		}
		line := p[at : at+end]
		began := at
		at += end + 1
		if len(line) == 0 || line[len(line)-1] != '\r' {
			return Request{}, BadLineEnd
		}
		line = line[:len(line)-1]
		if len(line) == 0 {
			if why := checkHeadSize(at, lim); why != None {
				return Request{}, why
			}
			return s.framing(at, lim)
		}
		if lines == lim.Fields {
			return Request{}, ManyFields
		}
		expected, framed := s.Expects, s.framed()
		if why := s.field(line); why != None {
			return Request{}, why
		}
		if s.Expects && !expected {
			s.expectFrom, s.expectTo = began, at
		}
		if s.framed() && !framed {
			s.frameFrom, s.frameTo = began, at
		}
	}
}

// checkTarget looks at a request line that may still be incomplete: bytes that cannot
// start one (a TLS handshake on the plain port), and a target that is too long.
func checkTarget(p []byte, end int, lim *Limits) Fault {
	if end < 0 {
		end = len(p)
	}
	method := bytes.IndexByte(p[:end], ' ')
	if method < 0 {
		method = min(end, maxMethod+1)
		if end > maxMethod {
			return BadRequestLine
		}
	}
	if !IsToken(p[:method]) {
		return BadRequestLine
	}
	if end-method > lim.Target+len("  HTTP/1.1\r") {
		return TargetTooLong
	}
	return None
}

const maxMethod = 24

// checkRequestLine reads METHOD SP target SP HTTP/1.x CR.
func checkRequestLine(line []byte, lim *Limits) (http11 bool, why Fault) {
	if len(line) == 0 || line[len(line)-1] != '\r' {
		return false, BadRequestLine
	}
	line = line[:len(line)-1]
	method := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if method <= 0 || last <= method+1 || bytes.IndexByte(line[method+1:last], ' ') >= 0 {
		return false, BadRequestLine
	}
	if last-method-1 > lim.Target {
		return false, TargetTooLong
	}
	switch version := line[last+1:]; {
	case string(version) == "HTTP/1.1":
		return true, None
	case string(version) == "HTTP/1.0":
		return false, None
	case len(version) == 8 && string(version[:5]) == "HTTP/" && IsDigit(version[5]) && version[6] == '.' && IsDigit(version[7]):
		return false, BadVersion
	}
	return false, BadRequestLine
}

func checkHeadSize(size int, lim *Limits) Fault {
	if size > lim.Head {
		return HeadTooLarge
	}
	return None
}

// headScan gathers what frames a request. The head is complete after framing.
type headScan struct {
	Request
	http11  bool
	host    bool
	chunked bool
	special bool  // an expectation or an encoded body
	length  int64 // -1 if there is no Content-Length
}

// framed says that the line has been seen that frames the body; there can be one.
func (s *headScan) framed() bool { return s.chunked || s.length >= 0 }

func (s *headScan) field(line []byte) Fault {
	if line[0] == ' ' || line[0] == '\t' {
		return FoldedField
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || bytes.IndexByte(line[:colon], ' ') >= 0 || line[colon-1] == '\t' {
		return BadField
	}
	name := line[:colon]
	switch len(name) {
	case len("host"):
		if FoldEqual(name, "host") {
			if s.host || len(TrimBlank(line[colon+1:])) == 0 {
				return BadHost
			}
			s.host = true
		}
	case len("expect"):
		if FoldEqual(name, "expect") {
			if s.Expects || !FoldEqual(TrimBlank(line[colon+1:]), "100-continue") {
				return BadExpectation
			}
			s.special, s.Expects = true, true
		}
	case len("connection"):
		s.Last = s.Last || FoldEqual(name, "connection") && HasClose(line[colon+1:])
	case len("content-encoding"):
		s.special = s.special || FoldEqual(name, "content-encoding")
	case len("content-length"):
		if FoldEqual(name, "content-length") {
			return s.contentLength(TrimBlank(line[colon+1:]))
		}
	case len("transfer-encoding"):
		if FoldEqual(name, "transfer-encoding") {
			return s.transferEncoding(TrimBlank(line[colon+1:]))
		}
	}
	return None
}

func (s *headScan) contentLength(value []byte) Fault {
	if s.length >= 0 || len(value) == 0 || len(value) > maxDigits {
		return BadLength
	}
	n, ok := Decimal(value)
	if !ok {
		return LengthNoNumber
	}
	s.length = n
	return None
}

func (s *headScan) transferEncoding(value []byte) Fault {
	switch {
	case !s.http11:
		return OldCoding
	case s.chunked:
		return TwoCodings
	case !FoldEqual(value, "chunked"):
		return UnknownCoding
	}
	s.chunked = true
	return None
}

func (s *headScan) framing(size int, lim *Limits) (Request, Fault) {
	switch {
	case s.http11 && !s.host:
		return Request{}, BadHost
	case s.chunked && s.length >= 0:
		return Request{}, TwoFramings
	case s.length > lim.Body:
		return Request{}, BodyTooLarge
	}
	s.Size, s.Body = size, max(s.length, 0)
	if s.chunked {
		s.Body = Chunked
	}
	s.Plain = s.http11 && !s.special && !s.chunked
	s.Expects = s.Expects && s.http11 // HTTP/1.0 has no 100
	return s.Request, None
}
