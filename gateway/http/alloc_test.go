//go:build !race

package httpfront

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/internal/accesslog"
	"sluice/internal/fault"
	"sluice/internal/memory"
)

// requestCtx is a parsed request, as fasthttp hands it to the handler.
func requestCtx(c net.Conn, body string, headers map[string]string) *fasthttp.RequestCtx {
	var ctx fasthttp.RequestCtx
	ctx.Init2(c, nil, false)
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.Header.SetHost("h")
	ctx.Request.SetRequestURI(simpleInfer)
	ctx.Request.Header.Set("User-Agent", "python/gevent-http-client-2.3.3")
	for name, value := range headers {
		ctx.Request.Header.Set(name, value)
	}
	ctx.Request.SetBodyString(body)
	return &ctx
}

// From parsed request to encoded answer nothing is allocated, once pools are warm.
func TestHandlerAllocations(t *testing.T) {
	s := newServer(t)
	f := func(name, body string, headers map[string]string, want float64) {
		t.Helper()
		ctx := requestCtx(newConn(nil, s), body, headers)
		handle := func() {
			ctx.Response.Reset()
			s.handle(ctx)
		}
		handle()
		if ctx.Response.StatusCode() != 200 {
			t.Fatalf("%s: got %d %s", name, ctx.Response.StatusCode(), ctx.Response.Body())
		}
		if got := testing.AllocsPerRun(1000, handle); got > want {
			t.Errorf("%s: %v allocations per request, want at most %v", name, got, want)
		}
	}
	body, headers := binarySimple()
	f("binary", body, headers, 0)
	headers["Sluice-Budget-Ms"] = "250.5"
	headers["Accept-Encoding"] = "gzip, deflate"
	f("binary with budget and codings", body, headers, 0)
	headers["X-Request-Id"] = "0af7651916cd43dd8448eb211c80319c"
	f("binary with a request id", body, headers, 0)
	f("JSON", simpleBody(`"id":"42",`), nil, 0)
	f("JSON with a form", simpleBody(`"id":"42","parameters":{"timeout":5000000},`), map[string]string{"Sluice-Nonfinite": "null"}, 0)
	headers["Content-Encoding"] = "identity, Identity"
	f("binary with a coding", body, headers, 0)
	delete(headers, "Content-Encoding")
	var p params
	path := []byte("/v1/models/simple/versions/1%3apredict")
	if got := testing.AllocsPerRun(1000, func() {
		if s.router.find(path, &p) == nil {
			t.Fatal("an encoded colon is not found")
		}
	}); got != 0 {
		t.Errorf("an encoded colon: %v allocations", got)
	}
	model := simpleModel()
	model.info.Coupled = true
	model.canary = simpleModel()
	s = made(t, newFakeModels(model), nil)
	for _, u := range []string{"anna", "bert", "carl", "dora"} { // of both versions
		headers["Sluice-Unit"] = u
		f("binary with a unit", body, headers, 0)
	}
	delete(headers, "Sluice-Unit")
	ctx := requestCtx(newConn(nil, s), body, headers)
	if got := testing.AllocsPerRun(1000, func() {
		ctx.Response.Reset()
		s.handle(ctx)
	}); got > 0 || string(ctx.Response.Header.Peek("Sluice-Batching")) != "coupled" {
		t.Errorf("coupled: %v allocations per request, header %q", got, ctx.Response.Header.Peek("Sluice-Batching"))
	}
}

// Through an event loop a request allocates no more, from the socket to the socket.
func TestLoopAllocations(t *testing.T) {
	model := simpleModel()
	e := serve(t, newFakeModels(model), func(o *setup) { o.Observer = nil })
	c := e.dial()
	raw, answer := []byte(rawBinary()), make([]byte, 4096)
	ask := func() {
		if _, err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(answer); err != nil || n < 12 || string(answer[9:12]) != "200" {
			t.Fatalf("got %q, %v", answer[:n], err)
		}
	}
	for range 100 {
		ask()
	}
	// The fake runs each task on a new goroutine, which allocates its closure.
	if got := testing.AllocsPerRun(1000, ask); got > 1 {
		t.Errorf("%v allocations per request", got)
	}
}

// A shed costs as little: it is what the server does most when it is overloaded.
func TestShedAllocations(t *testing.T) {
	model := simpleModel()
	shed := &fault.Error{Kind: fault.Overloaded, Text: "the queue is full", RetryAfter: time.Second}
	model.admit = func() error { return shed }
	s := made(t, newFakeModels(model), nil)
	f := func(name, body string, headers map[string]string) {
		t.Helper()
		ctx := requestCtx(newConn(nil, s), body, headers)
		if got := testing.AllocsPerRun(1000, func() {
			ctx.Response.Reset()
			s.handle(ctx)
		}); got > 0 || ctx.Response.StatusCode() != 429 {
			t.Errorf("%s: %v allocations for a %d", name, got, ctx.Response.StatusCode())
		}
	}
	body, headers := binarySimple()
	f("binary", body, headers)
	f("JSON", simpleBody(`"parameters":{"timeout":5000},`), nil)
	f("JSON, long", simpleBody(`"note":"`+strings.Repeat("x", 64<<10)+`",`), nil)
	f("gzip", packed(t, "gzip", simpleBody(`"parameters":{"timeout":5000},`)), map[string]string{"Content-Encoding": "gzip"})
}

// A connection that has carried a large answer does not keep its buffer.
func TestLargeBuffersAreLetGo(t *testing.T) {
	s := newServer(t)
	ctx := requestCtx(newConn(nil, s), strings.Repeat("\x00", 2<<20), map[string]string{"Inference-Header-Content-Length": "0"})
	ctx.Request.SetRequestURI("/v2/models/raw1/infer")
	s.handle(ctx)
	if n := len(ctx.Response.Body()); ctx.Response.StatusCode() != 200 || n < 2<<20 {
		t.Fatalf("got %d with %d bytes", ctx.Response.StatusCode(), n)
	}
	ctx.Response.Reset()
	if n := cap(ctx.Response.SwapBody(nil)); n > memory.MaxPooled {
		t.Errorf("the response keeps %d bytes", n)
	}
	if n := cap(ctx.Request.SwapBody(nil)); n > memory.MaxPooled {
		t.Errorf("the request keeps %d bytes", n)
	}
}

// The framing of the usual request allocates nothing either.
func TestScanHeadAllocations(t *testing.T) {
	s := newServer(t)
	raw := []byte(rawBinary())
	if got := testing.AllocsPerRun(1000, func() {
		if h, f := scanHead(raw, &s.opt.Limits); f != nil || h.Size == 0 {
			t.Fatal(f)
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func rawBinary() string {
	body, headers := binarySimple()
	return request("POST", simpleInfer, body, "User-Agent: python/gevent-http-client-2.3.3", "Inference-Header-Content-Length: "+headers["Inference-Header-Content-Length"])
}

// A listener costs no allocation either, whatever it asks; nor does the body that it wants.
func TestListenerAllocations(t *testing.T) {
	sum := 0
	look := func(x *gateway.Exchange) {
		sum += len(x.Model.Info().Name) + x.Task.Rows + len(x.Body) + len(x.Head.ContentType) + len(x.Head.ContentEncoding) + x.JSONLength()
	}
	s := made(t, newFakeModels(simpleModel()), func(o *setup) {
		o.Core.Ended, o.Core.KeepBody = []gateway.Listener{{Name: "a", Ended: look}, {Name: "b", Ended: func(*gateway.Exchange) {}}}, func(*gateway.Exchange) bool { return true }
	})
	body, headers := binarySimple()
	ctx := requestCtx(newConn(nil, s), body, headers)
	if got := testing.AllocsPerRun(1000, func() {
		ctx.Response.Reset()
		s.handle(ctx)
	}); got > 0 || ctx.Response.StatusCode() != 200 || sum < 1000*len(body) {
		t.Errorf("%v allocations for a %d, sum %d", got, ctx.Response.StatusCode(), sum)
	}
}

// Nor does the access log, whether the request is written or not.
func TestAccessLogAllocations(t *testing.T) {
	for _, share := range []float64{0, 0.01, 1} {
		log, err := accesslog.Start(accesslog.Options{File: filepath.Join(t.TempDir(), "a"), Sample: share, Slow: 0.8})
		if err != nil {
			t.Fatal(err)
		}
		s := made(t, newFakeModels(simpleModel()), func(o *setup) { o.AccessLog = log })
		body, headers := binarySimple()
		ctx := requestCtx(newConn(nil, s), body, headers)
		handle := func() {
			ctx.Response.Reset()
			s.handle(ctx)
		}
		for range 20_000 { // until the buffers have grown
			handle()
		}
		// The writer's goroutine is counted too.
		if got := testing.AllocsPerRun(5000, handle); got > 0 || ctx.Response.StatusCode() != 200 {
			t.Errorf("a share of %v: %v allocations for a %d", share, got, ctx.Response.StatusCode())
		}
		if err := log.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
