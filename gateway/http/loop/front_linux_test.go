package loop

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/http1"
	"sluice/internal/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeFront answers by the path: /infer is a request for a model, which ends on a goroutine of its own, /nope is not
// there, /large has a large answer, and everything else a small one.
type fakeFront struct {
	full   atomic.Bool // the model refuses
	works  func()      // what the model does; nil for nothing
	begun  atomic.Int32
	ended  atomic.Int32
	closed atomic.Int32
	mu     sync.Mutex
	handed []Connection
}

type fakeRequest struct{ f *fakeFront }

func (r *fakeRequest) Conclude(ctx *fasthttp.RequestCtx) bool {
	ctx.SetBodyString("done")
	return true
}
func (r *fakeRequest) Sent() {}
func (r *fakeRequest) End()  { r.f.ended.Add(1) }

func (f *fakeFront) Begin(k *Socket, ctx *fasthttp.RequestCtx, _ clock.Instant) (r Request, answered bool) {
	f.begun.Add(1)
	r = &fakeRequest{f}
	switch string(ctx.Path()) {
	case "/infer":
		if f.full.Load() {
			ctx.SetStatusCode(429)
			k.Shed(10 * time.Second)
			return r, true
		}
		go func() {
			if f.works != nil {
				f.works()
			}
			k.Ended().Wake()
		}()
		return r, false
	case "/nope":
		ctx.SetStatusCode(404)
	case "/large":
		ctx.SetBodyString(strings.Repeat("x", 70<<10))
	default:
		ctx.SetBodyString("well")
	}
	return r, true
}

func (f *fakeFront) HandOver(c Connection) {
	c.Kept = append([]byte(nil), c.Kept...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handed = append(f.handed, c)
}

func (f *fakeFront) Closed() { f.closed.Add(1) }

func options(workers int) Options {
	return Options{
		Workers: workers, MaxConnections: 64, Head: http1.Limits{Target: 2 << 10, Head: 8 << 10, Fields: 100, Body: 1 << 20}, IdleTimeout: time.Minute,
		Bodies: memory.NewBudget(1 << 20), Run: func() (bool, time.Duration) { return false, 0 }, OnWorker: func(int) {},
		Accepted: func() bool { return false }, Quiet: func(time.Duration, bool) bool { return false }, Log: zap.NewNop(),
	}
}

// serve has loops serve a free port.
func serve(t *testing.T, f *fakeFront, workers int) (addr string) {
	t.Helper()
	var accepted atomic.Bool
	opt := options(workers)
	opt.Accepted = accepted.Load
	g := New(opt, f)
	g.Start()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if !g.Take(c, netip.AddrPort{}) {
				t.Error("a connection was not taken")
			}
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		accepting.Wait()
		accepted.Store(true)
		g.CutAll()
		g.Wait()
		if begun, ended := f.begun.Load(), f.ended.Load(); begun != ended {
			t.Errorf("%d requests were begun and %d ended", begun, ended)
		}
	})
	return ln.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n" }

const infer = "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"

// readStatus reads an answer.
func readStatus(r *bufio.Reader) (status int, err error) {
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	_, err = io.Copy(io.Discard, a.Body)
	return a.StatusCode, err
}

// What a loop does not serve it hands over with all that has been read of it, and it is the loop's no longer.
func TestHandOver(t *testing.T) {
	var f fakeFront
	addr := serve(t, &f, 1)
	c := dial(t, addr)
	defer c.Close()
	r := bufio.NewReader(c)
	_, _ = io.WriteString(c, infer)
	if status, err := readStatus(r); err != nil || status != 200 {
		t.Fatalf("got %d, %v", status, err)
	}
	const odd = "PUT / HTTP/1.1\r\nHost: h\r\n\r\nGET"
	_, _ = io.WriteString(c, odd)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		f.mu.Lock()
		handed := f.handed
		f.mu.Unlock()
		if len(handed) == 0 {
			if time.Now().After(end) {
				t.Fatal("the connection is not handed over")
			}
			continue
		}
		if h := handed[0]; string(h.Kept) != odd || !h.Used || h.Since == 0 || h.Rest != nil {
			t.Errorf("it is handed over with %q, used %v, since %d, and the rest %v", h.Kept, h.Used, h.Since, h.Rest)
		}
		_ = handed[0].Close()
		break
	}
	if n := f.closed.Load(); n != 0 {
		t.Errorf("%d connections have ended", n)
	}
}
