package httpfront

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"sluice/internal/oip"
)

// expecting is a request's header that announces a body and waits; "" leaves no line out.
func expecting(path, length string, headers ...string) string {
	lines := append([]string{"POST " + path + " HTTP/1.1", "Host: h"}, headers...)
	if length != "" {
		lines = append(lines, "Content-Length: "+length)
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

const expect = "Expect: 100-continue"

// What the header alone refuses is refused at once, without an invitation to send the body, and
// the connection ends.
func TestExpectationsThatAreRefused(t *testing.T) {
	models := fixtures()
	models.set("whole", oip.StateLoading)
	e := serve(t, models, func(o *setup) { o.Limits.MaxBodyBytes, o.Core.Limits.MaxBodiesBytes = mib, mib })
	f := func(raw string, status int, code string, more ...string) {
		t.Helper()
		for _, sent := range []string{"", "2\r\nab"} { // clients need not wait
			c := e.dial()
			r := bufio.NewReader(c)
			a := e.exchange(c, r, raw+sent)
			if a.status != status || !strings.Contains(a.body, `"code":"`+code+`"`) || !a.close {
				t.Errorf("%q got %d %s, close %v; want %d %s", raw, a.status, a.body, a.close, status, code)
			}
			for i := 0; i < len(more); i += 2 {
				if got := a.header.Get(more[i]); got != more[i+1] {
					t.Errorf("%q: %s is %q, want %q", raw, more[i], got, more[i+1])
				}
			}
			if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
				t.Errorf("%q: got %q, %v after the answer", raw, b, err)
			}
			_ = c.Close()
		}
	}
	f(expecting("/nope", "100", expect), 404, "NOT_FOUND")
	f(expecting("/v2", "100", expect), 405, "METHOD_NOT_ALLOWED", "Allow", "GET, HEAD")
	f(strings.Replace(expecting(simpleInfer, "100", expect), "POST", "PUT", 1), 405, "METHOD_NOT_ALLOWED", "Allow", "POST")
	f(strings.Replace(expecting(simpleInfer, "100", expect), "POST", "BREW", 1), 501, "METHOD_NOT_IMPLEMENTED")
	f(expecting("/v2/models/nope/infer", "100", expect), 404, "MODEL_NOT_FOUND")
	f(expecting("/v1/models/nope:predict", "100", expect), 404, "MODEL_NOT_FOUND")
	f(expecting("/v1/models/nope%3Apredict", "", expect, "Transfer-Encoding: chunked"), 404, "MODEL_NOT_FOUND")
	f(expecting("/v2/models/simple/versions/7/infer", "100", expect), 404, "VERSION_NOT_FOUND")
	f(expecting("/v2/models/a%20b/infer", "100", expect), 400, "BAD_MODEL_NAME")
	f(expecting("/v2/models/whole/infer", "100", expect), 503, "MODEL_NOT_READY", "Retry-After", "1")
	f(expecting(simpleInfer, "100", expect, "Content-Encoding: br"), 501, "UNSUPPORTED_ENCODING", "Accept-Encoding", "gzip, deflate")
	f(expecting(simpleInfer, "1048577", expect), 413, "BODY_TOO_LARGE")
	f(expecting(simpleInfer, "100", "Expect: 200-maybe"), 417, "EXPECTATION_FAILED")
	f(expecting(simpleInfer, "100", expect, expect), 417, "EXPECTATION_FAILED")
	f(expecting(simpleInfer, "100", "Expect: 100-continue, 200-maybe"), 417, "EXPECTATION_FAILED")
	for name, m := range e.models.models {
		if n := m.pins.Load(); n != 0 {
			t.Errorf("model %s is pinned %d times", name, n)
		}
	}
	if n := e.server.gateway.Bodies.Used(); n != 0 {
		t.Errorf("%d bytes of bodies are still counted", n)
	}
	e.good()
	e.server.refusing.Store(true)
	f(expecting(simpleInfer, "100", expect), 503, "DRAINING", "Retry-After", "1")
}

// Everything else goes on: after 100 the body is read and the connection stays good.
func TestExpectationsThatAreMet(t *testing.T) {
	e := serve(t, fixtures(), nil)
	body := simpleBody("")
	length := fmt.Sprint(len(body))
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	c := e.dial()
	r := bufio.NewReader(c)
	f := func(head, body string, status int) {
		t.Helper()
		_, _ = io.WriteString(c, head)
		if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%q: got %q, %v", head, line, err)
		}
		if line, err := r.ReadString('\n'); err != nil || line != "\r\n" {
			t.Fatalf("%q: got %q, %v after the 100", head, line, err)
		}
		if a := e.exchange(c, r, body); a.status != status || a.close {
			t.Fatalf("%q: got %d %s, close %v", head, a.status, a.body, a.close)
		}
	}
	for range 2 {
		f(expecting(simpleInfer, length, expect), body, 200)
		f(expecting(simpleInfer, length, "expect: 100-CONTINUE", "X-Request-Id: a"), body, 200)
		f(expecting(simpleInfer, "", expect, "Transfer-Encoding: chunked"), chunks, 200)
		f(expecting(simpleInfer, "2", expect), "{}", 400)
		f(expecting("/v2/repository/index", "2", expect), "{}", 200)
		f(expecting("/v1/models/id_fp32%3apredict", "19", expect), `{"instances":[[1]]}`, 200)
	}
	// Of a body that is there, or that does not come, nothing need be said.
	for _, whole := range []string{
		expecting(simpleInfer, length, expect) + body,
		expecting(simpleInfer, "", expect, "Transfer-Encoding: chunked") + chunks,
		expecting("/v2/repository/index", "0", expect),
		"GET /v2 HTTP/1.1\r\nExpect: 100-continue\r\nHost: h\r\n\r\n",
	} {
		if a := e.exchange(c, r, whole); a.status != 200 || a.close {
			t.Errorf("%.60q got %d %s, close %v", whole, a.status, a.body, a.close)
		}
	}
	if a := e.exchange(c, r, expecting("/nope", "3", expect)+"abc"); a.status != 404 || a.close {
		t.Errorf("a refusal of a whole request got %d, close %v", a.status, a.close)
	}
	// HTTP/1.0 knows no 100 and its expectations are passed over.
	old := strings.Replace(expecting(simpleInfer, length, expect), "HTTP/1.1", "HTTP/1.0", 1)
	_, _ = io.WriteString(c, old)
	if a := e.exchange(c, r, body); a.status != 200 {
		t.Errorf("HTTP/1.0 got %d %s", a.status, a.body)
	}
	// Requests behind one with an expectation are not cut.
	c = e.dial()
	r = bufio.NewReader(c)
	_, _ = io.WriteString(c, expecting(simpleInfer, length, expect)+body+expecting(simpleInfer, length, expect)+body+get("/v2/health/live")+"GET /v2 HT")
	for i, want := range []string{"[2,4,6", "[2,4,6", `{"live":true}`} {
		if a, err := readAnswer(r); err != nil || a.status != 200 || !strings.Contains(a.body, want) {
			t.Fatalf("answer %d is %d %s, %v", i, a.status, a.body, err)
		}
	}
	if a := e.exchange(c, r, "TP/1.1\r\nHost: h\r\n\r\n"); a.status != 200 {
		t.Errorf("the last request got %d", a.status)
	}
}
