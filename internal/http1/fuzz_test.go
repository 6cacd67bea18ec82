package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/valyala/fasthttp"
)

// usual are a server's limits.
var usual = Limits{Target: 2 << 10, Head: 8 << 10, Fields: 100, Body: 1 << 20}

const (
	inferTo = "POST /v2/models/simple/infer HTTP/1.1\r\nHost: h\r\n"
	chunked = "Transfer-Encoding: chunked\r\n\r\n"
)

// frame finds the end and the body of the first request as the connection does. ok is false for
// what is refused or cut short.
func frame(raw []byte, lim *Limits) (used int, body []byte, ok bool) {
	h, why := ScanRequest(raw, lim)
	if why != None || h.Size == 0 {
		return 0, nil, false
	}
	rest := raw[h.Size:]
	if h.Body != Chunked {
		if h.Body > int64(len(rest)) {
			return 0, nil, false
		}
		return h.Size + int(h.Body), rest[:h.Body], true
	}
	c := Chunks{MaxBody: lim.Body}
	body = []byte{}
	for used = h.Size; !c.Done(); {
		data, n, why := c.Next(raw[used:])
		if why != None || n == 0 {
			return 0, nil, false
		}
		body, used = append(body, data...), used+n
	}
	return used, body, true
}

// FuzzFraming holds the framing against two other readers: whatever they accept as well
// they must cut at the same byte, with the same body. A difference is how
// requests are smuggled.
func FuzzFraming(f *testing.F) {
	for _, text := range []string{
		"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n", "GET http://h/v2?x HTTP/1.0\r\n\r\n", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}GET /",
		inferTo + chunked + "3;x=y\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n", inferTo + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
	} {
		f.Add([]byte(text))
	}
	limits := usual
	limits.Body = 64 << 10
	f.Fuzz(func(t *testing.T, raw []byte) {
		used, body, ok := frame(raw, &limits)
		if !ok {
			return
		}
		source := bytes.NewReader(raw)
		r := bufio.NewReaderSize(source, len(raw)+16)
		if req, err := http.ReadRequest(r); err == nil && req.Method != "CONNECT" {
			if b, err := io.ReadAll(req.Body); err == nil {
				if cut := len(raw) - source.Len() - r.Buffered(); !bytes.Equal(b, body) || cut != used {
					t.Errorf("net/http cuts %q at %d with the body %q, this package at %d with %q", raw, cut, b, used, body)
				}
			}
		}
		source.Reset(raw)
		r.Reset(source)
		var req fasthttp.Request
		if err := req.ReadLimitBody(r, int(limits.Body)); err == nil && !req.MayContinue() {
			if cut := len(raw) - source.Len() - r.Buffered(); !bytes.Equal(req.Body(), body) || cut != used {
				t.Errorf("fasthttp cuts %q at %d with the body %q, this package at %d with %q", raw, cut, req.Body(), used, body)
			}
		}
	})
}
