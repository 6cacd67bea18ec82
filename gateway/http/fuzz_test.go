package httpfront

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"sluice/gateway/http/wire"
)

func corpus(f *testing.F) {
	for _, bad := range framingFaults() {
		if len(bad.raw) < 4096 {
			f.Add([]byte(bad.raw))
		}
	}
	f.Add([]byte(get("/v2")))
	f.Add([]byte(rawPlain()))
	f.Add([]byte(inferTo + chunked + "3;x=y\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n"))
	f.Add([]byte("GET http://h/v2?x HTTP/1.0\r\n\r\n"))
	f.Add([]byte(inferTo + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"))
}

func rawPlain() string { return post(simpleInfer, simpleBody("")) }

// pieces is a connection that delivers bytes in pieces and then ends.
type pieces struct {
	replay
	raw  []byte
	size int
	out  bytes.Buffer
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.raw) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.raw[:min(p.size, len(p.raw))])
	p.raw = p.raw[n:]
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error) { return p.out.Write(b) }

// FuzzConnection sends anything through the whole edge, in pieces: nothing panics, and
// what comes back is a sequence of whole HTTP answers of which every error is JSON.
func FuzzConnection(f *testing.F) {
	for _, size := range []int{1, 5, 1000} {
		for _, bad := range framingFaults() {
			if len(bad.raw) < 4096 {
				f.Add([]byte(bad.raw), size)
			}
		}
		f.Add([]byte(rawPlain()+get("/v2/models/simple")), size)
		f.Add([]byte(post("/v1/models/id_fp32:predict", `{"instances":[[1,2.5],[3,4]]}`)+get("/")), size)
		f.Add([]byte(inferTo+"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), size)
	}
	s := made(f, fixtures(), nil)
	f.Fuzz(func(t *testing.T, raw []byte, size int) {
		if size < 1 {
			return
		}
		c := &pieces{raw: raw, size: size}
		_ = s.http.ServeConn(newConn(c, s))
		for r := bufio.NewReader(&c.out); ; {
			if _, err := r.Peek(1); errors.Is(err, io.EOF) {
				break
			}
			a, err := readAnswer(r)
			if a.status == 100 {
				continue
			}
			if err != nil && bytes.Contains(raw, []byte("HEAD ")) {
				return // its answer announces a body that does not come
			}
			if err != nil {
				t.Fatalf("the answer to %q does not parse: %v", raw, err)
			}
			if a.status >= 400 && (!strings.HasPrefix(a.body, `{"error":"`) || a.header.Get("Content-Type") != "application/json") {
				// A HEAD request's refusal has no body; where answers then start is not known.
				if bytes.Contains(raw, []byte("HEAD ")) {
					return
				}
				t.Fatalf("the answer to %q is %d %q", raw, a.status, a.body)
			}
		}
		if n := s.gateway.Bodies.Used(); n != 0 {
			t.Fatalf("%d bytes of bodies are still counted after %q", n, raw)
		}
	})
}

var _ net.Conn = (*pieces)(nil)

// FuzzOpening: whatever a request begins with, what is kept of it is bounded, an id is one that may be
// sent back, and a whole header's id is the one that fasthttp reads.
func FuzzOpening(f *testing.F) {
	corpus(f)
	f.Add([]byte("GET /v2 HTTP/1.1\r\nHost: h\r\nx-request-ID:  a-1 \r\nX-Request-Id: b\r\n\r\n"))
	f.Add([]byte("HEAD /v2 HTTP/1.1\r\nX-Request-Id: a\nX-Request-Id: b\r\n"))
	f.Add([]byte("GET\r\n\r\n"))
	var limits Limits
	limits.setDefaults()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var o opening
		o.read(raw)
		if len(o.line) > maxLine || len(o.id) > 0 && !wire.ValidRequestID(o.id) {
			t.Fatalf("%q gives the line %q and the id %q", raw, o.line, o.id)
		}
		method, target := requestLine(o.line)
		if len(method)+len(target) > len(o.line) {
			t.Fatalf("%q gives %q and %q", o.line, method, target)
		}
		h, refusal := scanHead(raw, &limits)
		if refusal != nil || h.Size == 0 {
			return
		}
		var header fasthttp.RequestHeader
		if header.Read(bufio.NewReaderSize(bytes.NewReader(raw), len(raw)+16)) != nil {
			return
		}
		if want := header.PeekCanonical(headerRequestID); wire.ValidRequestID(want) != (len(o.id) > 0) || len(o.id) > 0 && !bytes.Equal(want, o.id) {
			t.Errorf("%q has the id %q, and fasthttp reads %q", raw, o.id, want)
		}
		if string(method) != string(header.Method()) {
			t.Errorf("%q has the method %q, and fasthttp reads %q", raw, method, header.Method())
		}
	})
}
