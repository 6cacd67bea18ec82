package stub

import (
	"bytes"
	"net/http"
)

// Limits of a request.
const (
	maxHead = 16 << 10
	maxBody = 1 << 20
)

// head is what is needed of a request's head. Its slices are into what was read.
type head struct {
	method, path []byte
	size         int    // of the head, with the empty line
	body         int    // Content-Length
	binary       []byte // Inference-Header-Content-Length; nil without
	close        bool   // the client wants the connection closed
}

// refusal is an answer to what cannot be read. Its connection is closed.
type refusal struct {
	status int
	text   string
}

var (
	headEnd    = []byte("\r\n\r\n")
	errMethod  = &refusal{http.StatusBadRequest, "the request does not begin with a method: this is an HTTP/1.1 server"}
	errLine    = &refusal{http.StatusBadRequest, "the request line is not METHOD PATH HTTP/1.1"}
	errHeader  = &refusal{http.StatusBadRequest, "a header line is not NAME: VALUE"}
	errLength  = &refusal{http.StatusBadRequest, "Content-Length is not one whole number"}
	errChunked = &refusal{http.StatusNotImplemented, "Transfer-Encoding is not spoken here: send a Content-Length"}
	errHead    = &refusal{http.StatusRequestHeaderFieldsTooLarge, "the head is longer than 16 KiB"}
	errBody    = &refusal{http.StatusRequestEntityTooLarge, "the body is longer than 1 MiB"}
)

// readHead reads a head; whole is false while there is more to come.
func readHead(in []byte, h *head) (whole bool, fault *refusal) {
	if len(in) == 0 {
		return false, nil
	}
	if in[0] < 'A' || in[0] > 'Z' {
		return false, errMethod
	}
	end := bytes.Index(in, headEnd)
	if end < 0 && len(in) < maxHead {
		return false, nil
	}
	if end < 0 || end+len(headEnd) > maxHead {
		return false, errHead
	}
	*h = head{size: end + len(headEnd)}
	line, rest := cutLine(in[:end+2])
	if !h.line(line) {
		return false, errLine
	}
	lengths := 0
	for len(rest) > 0 {
		line, rest = cutLine(rest)
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || bytes.ContainsAny(line[:colon], " \t\r\n") {
			return false, errHeader
		}
		value := bytes.Trim(line[colon+1:], " \t")
		switch name := line[:colon]; {
		case is(name, "content-length"):
			var ok bool
			if h.body, ok = decimal(value); !ok || lengths > 0 {
				return false, errLength
			}
			if lengths++; h.body > maxBody {
				return false, errBody
			}
		case is(name, "transfer-encoding"):
			return false, errChunked
		case is(name, "connection"):
			h.close = h.close || is(value, "close")
		case is(name, "inference-header-content-length"):
			h.binary = value
		}
	}
	return true, nil
}

// line reads the request line.
func (h *head) line(line []byte) bool {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	target, version, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || len(target) == 0 || target[0] != '/' {
		return false
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.close = true
	default:
		return false
	}
	h.method = method
	h.path, _, _ = bytes.Cut(target, []byte{'?'})
	return true
}

// cutLine cuts at the first line's end, which must be there.
func cutLine(text []byte) (line, rest []byte) {
	at := bytes.Index(text, headEnd[:2])
	return text[:at], text[at+2:]
}

// is compares without regard to case; want is in lower case.
func is(text []byte, want string) bool {
	if len(text) != len(want) {
		return false
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

// decimal reads a whole number of up to nine digits.
func decimal(text []byte) (n int, ok bool) {
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}
