package httpfront

import (
	"bytes"

	"sluice/gateway/http/wire"
	"sluice/internal/http1"
)

// opening is what is kept of the beginning of a request, for answers that no handler gives.
type opening struct {
	line []byte // the request line, at most maxLine bytes of it
	id   []byte // X-Request-Id as it came, if it may be taken
}

// maxLine is enough of a request line for the access log.
const maxLine = 512

// read takes a header block, which may be cut short or broken.
func (o *opening) read(block []byte) {
	line, _, _ := bytes.Cut(block, []byte("\n"))
	o.line = append(o.line[:0], bytes.TrimSuffix(line[:min(len(line), maxLine)], []byte("\r"))...)
	o.id = o.id[:0]
	if id := http1.Field(block, "x-request-id"); wire.ValidRequestID(id) {
		o.id = append(o.id, id...)
	}
}

func (o *opening) reset() { o.line, o.id = o.line[:0], o.id[:0] }

// isHead reports whether the answer must not have a body.
func (o *opening) isHead() bool { return bytes.HasPrefix(o.line, []byte("HEAD ")) }

// requestLine cuts a request line into its method and its target. Both are nil if it does not look like one.
func requestLine(line []byte) (method, target []byte) {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || !http1.IsToken(method) {
		return nil, nil
	}
	target, _, _ = bytes.Cut(rest, []byte(" "))
	return method, target
}
