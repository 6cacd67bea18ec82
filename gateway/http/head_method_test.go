package httpfront

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/gateway/http/admin"
)

// headAndGet asks for a path by both methods and compares what they give.
func (e *edge) headAndGet(t *testing.T, path, version, headers string) {
	t.Helper()
	rest := " " + path + " HTTP/" + version + "\r\nHost: h\r\nX-Request-Id: same\r\n" + headers + "\r\n"
	want := e.send("GET" + rest)
	c := e.dial()
	defer c.Close()
	r := bufio.NewReader(c)
	_, _ = io.WriteString(c, "HEAD"+rest)
	got, err := readHeadAnswer(r)
	if err != nil {
		t.Fatalf("HEAD %s: %v", path, err)
	}
	if got.status != want.status || got.close != want.close {
		t.Errorf("HEAD %s got %d, close %v; GET %d, close %v", path, got.status, got.close, want.status, want.close)
	}
	for _, of := range []http.Header{got.header, want.header} {
		of.Del("Date")
	}
	for name := range want.header {
		if g, w := got.header.Get(name), want.header.Get(name); g != w {
			t.Errorf("HEAD %s: %s is %q, GET's is %q", path, name, g, w)
		}
	}
	if len(got.header) != len(want.header) {
		t.Errorf("HEAD %s has the headers %v, GET %v", path, got.header, want.header)
	}
	if got.close {
		if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
			t.Errorf("HEAD %s: got %q, %v after the header", path, b, err)
		}
		return
	}
	// A body would be taken for the next answer's beginning.
	if next := e.exchange(c, r, get("/v2/health/live")); next.status != 200 || next.body != `{"live":true}` {
		t.Errorf("the request after HEAD %s got %d %s", path, next.status, next.body)
	}
}

func readHeadAnswer(r *bufio.Reader) (answerOf, error) {
	resp, err := http.ReadResponse(r, &http.Request{Method: "HEAD"})
	if err != nil {
		return answerOf{}, err
	}
	defer resp.Body.Close()
	return answerOf{status: resp.StatusCode, header: resp.Header, close: resp.Close}, nil
}

// HEAD is wherever GET is, on both ports, with the same status and headers and without a body.
func TestHead(t *testing.T) {
	models := fixtures()
	models.set("whole", "LOADING")
	e := serve(t, models, nil)
	closed := e.at(e.admin(func(o *admin.Options) { o.Tokens = []admin.Token{{Name: "admin", Operate: true, Secret: "secret"}} }))
	for _, version := range []string{"1.1", "1.0"} {
		for _, r := range PredictRoutes() {
			if r.Method == "GET" {
				e.headAndGet(t, concrete.Replace(r.Pattern), version, "")
			}
		}
		for _, path := range []string{"/nope", simpleInfer, "/v2/models/whole/ready", "/v2/health/ready", "/v2/models/%41", "/v2/models/a%20b", "/v2/models/simple?x=y"} {
			e.headAndGet(t, path, version, "")
		}
		e.headAndGet(t, "/v2", version, "Connection: close\r\n")
	}
	for _, r := range admin.Routes() {
		if r.Method == "GET" && !strings.HasPrefix(r.Pattern, "/debug/pprof/") {
			closed.headAndGet(t, r.Pattern, "1.1", "Authorization: Bearer secret\r\n")
			closed.headAndGet(t, r.Pattern, "1.1", "")
		}
	}
	for _, at := range []*edge{e, closed} {
		if a := at.send("POST /v2/health/live HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nAuthorization: Bearer secret\r\n\r\n"); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST got %d with Allow %q", a.status, a.header.Get("Allow"))
		}
	}
	plain := e.at(e.admin(nil))
	plain.want405Head(t, "/v2/repository/models/simple/load", "POST")
	plain.want405Head(t, "/v2/repository/models/a.b/unload", "POST")
	plain.want405Head(t, "/v2/devices/cuda:0/reopen", "POST")
	plain.want405Head(t, "/v2/repository/index", "POST")
	for _, path := range []string{"/v2/repository/models//load", "/v2/repository/models/a/b/load", "/v2/repository/models/load"} {
		if a := plain.send(get(path)); a.status == 405 {
			t.Errorf("GET %s got 405: there is no such path", path)
		}
	}
	e.want405Head(t, simpleInfer, "POST")
	e.want405Head(t, "/v1/models/simple:predict", "POST")
	e.want405Head(t, "/v2/repository/index", "POST")
}

func (e *edge) want405Head(t *testing.T, path, allow string) {
	t.Helper()
	c := e.dial()
	defer c.Close()
	_, _ = io.WriteString(c, "HEAD "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")
	if a, err := readHeadAnswer(bufio.NewReader(c)); err != nil || a.status != 405 || a.header.Get("Allow") != allow {
		t.Errorf("HEAD %s got %d with Allow %q, %v", path, a.status, a.header.Get("Allow"), err)
	}
}

// Nor do refusals of HEAD have a body, however early they come.
func TestHeadRefusals(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) {
		o.Limits.MaxBodyBytes, o.HeaderTimeout, o.ReadTimeout = mib, 80*time.Millisecond, 80*time.Millisecond
	})
	for raw, want := range map[string]int{
		"HEAD /v2 HTTP/9.9\r\n\r\n":                                                              505,
		"HEAD /v2 HTTP/1.1\r\n\r\n":                                                              400,
		"HEAD /v2 HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n":                                      400,
		"HEAD /v2 HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 9<<10) + "\r\n\r\n":          431,
		"HEAD /" + strings.Repeat("x", 64<<10):                                                   414,
		"HEAD /v2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n":                        413,
		"HEAD /v2 HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n":                                      417,
		"HEAD /v2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab":                            408,
		"HEAD /v2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n":                400,
		"HEAD /nope HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\nab": 404,
		"HEAD /v2 HT": 408,
	} {
		c := e.dial()
		go func() { _, _ = io.WriteString(c, raw) }()
		r := bufio.NewReader(c)
		a, err := readHeadAnswer(r)
		if err != nil || a.status != want || !a.close || a.header.Get("Content-Length") == "0" {
			t.Errorf("%.60q got %d, close %v, length %s, %v; want %d", raw, a.status, a.close, a.header.Get("Content-Length"), err, want)
			continue
		}
		if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
			t.Errorf("%.60q: got %q, %v after the header", raw, b, err)
		}
		_ = c.Close()
	}
	e.good()
}
