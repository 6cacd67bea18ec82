package httpfront

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/internal/fault"
)

// Connections beyond the limit are told so at once, and room is made when one ends.
func TestConnectionLimit(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.Limits.MaxConnections = 2 })
	first, second := e.dial(), e.dial()
	for _, c := range []net.Conn{first, second} {
		if a := e.exchange(c, bufio.NewReader(c), get("/v2/health/live")); a.status != 200 {
			t.Fatalf("got %d", a.status)
		}
	}
	third := e.dial()
	if a, err := readAnswer(bufio.NewReader(third)); err != nil || a.status != 503 || !strings.Contains(a.body, "NO_CAPACITY") || !a.close {
		t.Fatalf("the third connection got %d %s, %v", a.status, a.body, err)
	}
	_ = first.Close()
	e.eventually("there is room again", func() bool {
		c := e.dial()
		defer c.Close()
		_, _ = io.WriteString(c, get("/v2/health/live"))
		a, err := readAnswer(bufio.NewReader(c))
		return err == nil && a.status == 200
	})
}

// A kept connection that stays idle is closed without a word.
func TestIdleTimeout(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.IdleTimeout = 40 * time.Millisecond })
	fresh, used := e.dial(), e.dial()
	r := bufio.NewReader(used)
	if a := e.exchange(used, r, get("/v2/health/live")); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	for _, r := range []io.Reader{fresh, r} {
		if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
			t.Errorf("got %q, %v from an idle connection, want its end", b, err)
		}
	}
}

// A client that does not read its answer does not hold its connection for ever.
func TestWriteTimeout(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.WriteTimeout = 40 * time.Millisecond })
	c := e.dial()
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	_, _ = io.WriteString(c, post("/v2/models/raw1/infer", strings.Repeat("\x00", 32<<20), "Inference-Header-Content-Length: 0"))
	e.eventually("the connection is given up", func() bool {
		e.server.mu.Lock()
		defer e.server.mu.Unlock()
		return len(e.server.mu.conns) == 0
	})
	e.good()
}

// Admit refuses before the body is looked at.
func TestShedBeforeDecoding(t *testing.T) {
	model := simpleModel()
	model.admit = func() error {
		return &fault.Error{Kind: fault.Overloaded, Text: "the queue is full", RetryAfter: time.Second}
	}
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	for range 2 { // on one connection: a shed client does not pay for a new one
		if a := e.exchange(c, r, post(simpleInfer, "not JSON")); a.status != 429 || a.header.Get("Retry-After") != "1" || a.close {
			t.Fatalf("case 43: got %d %s", a.status, a.body)
		}
	}
}

// What is refused for a limit says which setting moves it.
func TestLimitsAreNamed(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) {
		o.Limits.MaxBodyBytes, o.Core.Limits.MaxInflatedBytes, o.Core.Limits.MaxBodiesBytes, o.HeaderTimeout, o.ReadTimeout = mib, 1000, mib, 50*time.Millisecond, 50*time.Millisecond
	})
	f := func(raw string, status int, want string) {
		t.Helper()
		if a := e.send(raw); a.status != status || !strings.Contains(a.body, want) {
			t.Errorf("%.60q got %d %s, want %d with %q", raw, a.status, a.body, status, want)
		}
	}
	f(inferTo+"Content-Length: 1048577\r\n\r\n", 413, "larger than 1048576 bytes (limits.max_body_bytes)")
	f(inferTo+chunked+"100001\r\n", 413, "larger than 1048576 bytes (limits.max_body_bytes)")
	f(post(simpleInfer, packed(t, "gzip", strings.Repeat(" ", 1001)), "Content-Encoding: gzip"), 413, "larger than 1000 bytes (limits.max_decompressed_bytes)")
	f(inferTo+"X: "+strings.Repeat("x", 9<<10)+"\r\n\r\n", 431, "larger than 8192 bytes (limits.max_header_bytes)")
	f(inferTo+strings.Repeat("X: y\r\n", 101)+"\r\n", 431, "more than 100 headers (limits.max_headers)")
	f("GET /"+strings.Repeat("x", 3000)+" HTTP/1.1\r\nHost: h\r\n\r\n", 414, "longer than 2048 bytes (limits.max_uri_bytes)")
	f("GET /"+strings.Repeat("x", 3000), 414, "longer than 2048 bytes (limits.max_uri_bytes)")
	f(inferTo+"Content-Le", 408, "within 50ms (limits.header_timeout)")
	f(inferTo+"Content-Length: 10\r\n\r\nabc", 408, "within 50ms (limits.read_timeout)")
	f(post(simpleInfer, simpleBody(""), "Sluice-Budget-Ms: 1000000000"), 400, "at most 600000 (limits.max_budget)")
	e.server.gateway.Bodies.Take(mib)
	f(inferTo+"Content-Length: 100000\r\n\r\n"+strings.Repeat(" ", 100_000), 503, "more than 1048576 bytes (limits.max_bodies_bytes)")
	e.server.gateway.Bodies.Give(mib)
	admin := e.at(e.admin(nil))
	if a := admin.send("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n"); a.status != 403 || !strings.Contains(a.body, "admin_hosts") {
		t.Errorf("a foreign host got %d %s", a.status, a.body)
	}
	one := serve(t, fixtures(), func(o *setup) { o.Limits.MaxConnections = 1 })
	c := one.dial()
	if a := one.exchange(c, bufio.NewReader(c), get("/v2")); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	if a := one.send(""); a.status != 503 || !strings.Contains(a.body, "all 1 connections (limits.max_connections)") {
		t.Errorf("a connection too many got %d %s", a.status, a.body)
	}
}
