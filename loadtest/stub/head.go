package stub

import (
	"bytes"
	"net/http"

	"sluice/internal/http1"
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
	end := bytes.Index(in, http1.HeadEnd)
	if end < 0 && len(in) < maxHead {
		return false, nil
	}
	if end < 0 || end+len(http1.HeadEnd) > maxHead {
		return false, errHead
	}
	*h = head{size: end + len(http1.HeadEnd)}
	line, rest, _ := http1.CutLine(in[:end+2])
	if !h.line(line) {
		return false, errLine
	}
	lengths := 0
	for len(rest) > 0 {
		line, rest, _ = http1.CutLine(rest)
		name, value, ok := http1.CutField(line)
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t\r") {
			return false, errHeader
		}
		switch {
		case http1.FoldEqual(name, "content-length"):
			length, ok := http1.Decimal(value)
			if lengths++; !ok || lengths > 1 {
				return false, errLength
			}
			if length > maxBody {
				return false, errBody
			}
			h.body = int(length)
		case http1.FoldEqual(name, "transfer-encoding"):
			return false, errChunked
		case http1.FoldEqual(name, "connection"):
			h.close = h.close || http1.HasClose(value)
		case http1.FoldEqual(name, "inference-header-content-length"):
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
