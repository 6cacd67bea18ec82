package httpfront

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// dedicated is how many connections have a goroutine of their own.
func (e *edge) dedicated() int {
	e.server.mu.Lock()
	defer e.server.mu.Unlock()
	return len(e.server.mu.conns)
}

// A loop keeps the connections of small and plain requests, and no other ones. A connection that
// gets a goroutine for one request goes on as before.
func TestLoopKeepsPlainRequests(t *testing.T) {
	e := serve(t, fixtures(), nil)
	infer := post(simpleInfer, simpleBody(""))
	cut := strings.Index(infer, "{") + 5
	large := post("/v2/models/id_fp32/infer", `{"inputs":[`+input("INPUT0", "FP32", "[1,40000]", `"data":[`+strings.Repeat("1,", 39999)+`1]`)+`]}`)
	f := func(name string, status, dedicated int, pause time.Duration, parts ...string) {
		t.Helper()
		c := e.dial()
		defer c.Close()
		r := bufio.NewReader(c)
		for i, part := range parts {
			if i > 0 {
				time.Sleep(pause)
			}
			_, _ = io.WriteString(c, part)
		}
		a, err := readAnswer(r)
		if err != nil || a.status != status {
			t.Errorf("%s: got %d %s, %v", name, a.status, a.body, err)
		}
		if got := e.dedicated(); got != dedicated {
			t.Errorf("%s: %d connections have goroutines, want %d", name, got, dedicated)
		}
		if !a.close {
			if a := e.exchange(c, r, infer); a.status != 200 {
				t.Errorf("%s: the next request got %d %s", name, a.status, a.body)
			}
		}
		_ = c.Close()
		e.eventually("the connection ends", func() bool { return e.dedicated() == 0 })
	}
	f("a request", 200, 0, 0, infer)
	f("a request in two parts", 200, 0, time.Millisecond, infer[:cut], infer[cut:])
	f("a request in three parts", 200, 0, time.Millisecond, infer[:9], infer[9:cut], infer[cut:])
	f("a question", 200, 0, 0, get("/v2/health/live"))
	for range 2 {
		c := e.dial()
		_, _ = io.WriteString(c, "HEAD /v2 HTTP/1.1\r\nHost: h\r\n\r\n")
		if a, err := readHeadAnswer(bufio.NewReader(c)); err != nil || a.status != 200 || e.dedicated() != 0 {
			t.Errorf("HEAD got %d, %v, and %d connections have goroutines", a.status, err, e.dedicated())
		}
		_ = c.Close()
	}
	f("an unknown path", 404, 0, 0, get("/nope"))
	f("a large body", 200, 1, 0, large)
	f("a slow request", 200, 1, 60*time.Millisecond, infer[:cut], infer[cut:])
	f("chunks", 200, 1, 0, inferTo+chunked+fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(simpleBody("")), simpleBody("")))
	f("another method", 405, 1, 0, "PUT "+simpleInfer+" HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	f("an odd target", 404, 1, 0, get("/v2/models/%41"))
}

// Answers that a client does not read wait in a goroutine, whole and in order.
func TestLoopWritesToSlowReaders(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := e.dial()
	_ = c.(*net.TCPConn).SetReadBuffer(256 << 10)
	const requests, elements = 150, 10_000 // more than the buffers between the two hold
	body := `{"inputs":[` + input("INPUT0", "FP32", fmt.Sprintf("[1,%d]", elements), `"data":[`+strings.Repeat("0.125,", elements-1)+`0.125]`) + `]}`
	go func() {
		for n := range requests {
			_, _ = io.WriteString(c, post("/v2/models/id_fp32/infer", strings.Replace(body, "{", fmt.Sprintf(`{"id":"%d",`, n), 1)))
		}
	}()
	e.eventually("the answers pile up", func() bool { return e.dedicated() == 1 })
	time.Sleep(50 * time.Millisecond)
	r := bufio.NewReader(c)
	for n := range requests {
		a, err := readAnswer(r)
		if err != nil || a.status != 200 || !strings.Contains(a.body, fmt.Sprintf(`"id":"%d"`, n)) || strings.Count(a.body, "0.125") != elements {
			t.Fatalf("answer %d: %d, %d bytes, %v", n, a.status, len(a.body), err)
		}
	}
}

// Clients come and go at any moment; nobody gets another's answer and no descriptor is left.
func TestLoopSurvivesItsClients(t *testing.T) {
	defer func(n int) { workers = n }(workers)
	workers = 9 // several loops, with unequal numbers of workers
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	e := serve(t, fixtures(), nil)
	e.good()
	before := descriptors()
	var running sync.WaitGroup
	for client := range 16 {
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 3))
			for range 120 {
				c, err := net.Dial("tcp", e.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				rude(t, random, c)
			}
		})
	}
	running.Wait()
	e.good()
	e.eventually("all connections have ended", func() bool {
		e.server.mu.Lock()
		defer e.server.mu.Unlock()
		return e.server.mu.open == 0
	})
	e.eventually("no descriptor is left", func() bool { return descriptors() <= before })
}

// rude asks some requests and leaves, at times in the middle of one.
func rude(t *testing.T, random *rand.Rand, c net.Conn) {
	r := bufio.NewReader(c)
	for range random.IntN(4) {
		raw, want := ownRequest(random)
		if _, err := io.WriteString(c, raw); err != nil {
			t.Error(err)
		}
		if a, err := readAnswer(r); err != nil || a.status != 200 || !strings.HasSuffix(a.body, want) {
			t.Errorf("got %d %q, %v; want the end %q", a.status, a.body, err, want)
		}
	}
	raw, _ := ownRequest(random)
	_, _ = io.WriteString(c, raw[:random.IntN(len(raw)+1)])
	if random.IntN(2) == 0 {
		_ = c.(*net.TCPConn).SetLinger(0) // reset
	}
	_ = c.Close()
}

// While every lane is busy the workers nap, and answer all the same.
func TestLoopNaps(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) {
		o.Run = func() (bool, time.Duration) { return false, time.Second }
	})
	c := e.dial()
	r := bufio.NewReader(c)
	for range 50 {
		if a := e.exchange(c, r, post(simpleInfer, simpleBody(""))); a.status != 200 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
}

// A worker calls Run again for as long as there is more to run.
func TestLoopRunsOn(t *testing.T) {
	var mu sync.Mutex
	left, runs := 0, 0
	e := serve(t, fixtures(), func(o *setup) {
		o.Run = func() (bool, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			runs++
			left = max(left-1, 0)
			return left > 0, 0
		}
	})
	e.good()
	mu.Lock()
	left, runs = 1000, 0
	mu.Unlock()
	e.good() // wakes a worker
	e.eventually("all has been run", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return left == 0 && runs >= 1000
	})
}

// A server that is closed although the model still has a request cuts the connection; the request
// ends when the model lets go of it, and with it the worker.
func TestLoopClosesWithRequestsInTheModel(t *testing.T) {
	model, entered, open := gated()
	s := made(t, newFakeModels(model), func(o *setup) { o.Workers, o.Run = 2, func() (bool, time.Duration) { return false, 0 } })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, post(simpleInfer, simpleBody("")))
	<-entered
	if err := s.Close(); err == nil {
		t.Error("Close says that all requests have ended")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the connection is still open: %d, %v", n, err)
	}
	close(open)
	s.loops.Wait()
	if pins := model.pins.Load(); pins != 0 {
		t.Errorf("the model is pinned %d times", pins)
	}
}

// FuzzLoop sends the same bytes to a server with event loops and to one without. Both give the
// same answers.
func FuzzLoop(f *testing.F) {
	for _, bad := range framingFaults() {
		f.Add([]byte(bad.raw))
		f.Add([]byte(rawPlain() + bad.raw))
	}
	f.Add([]byte(rawPlain() + get("/v2/models/simple") + rawPlain()))
	f.Add([]byte("\r\n" + post("/v1/models/id_fp32:predict", `{"instances":[[1,2.5],[3,4]]}`) + get("/")))
	f.Add([]byte(inferTo + "Connection: close\r\nContent-Length: 2\r\n\r\n{}" + rawPlain()))
	f.Add([]byte(rawPlain()[:60]))
	f.Add([]byte("HEAD /v2/models/simple HTTP/1.1\r\nHost: h\r\nX-Request-Id: a\r\n\r\n" + rawPlain() + "HEAD /nope HTTP/1.1\r\nHost: h\r\n\r\n"))
	f.Add([]byte(post("/v1/models/id_fp32%3Apredict", `{"instances":[[1,2.5],[3,4]]}`, "X-Request-Id: b", "Expect: 100-continue") + get("/")))
	var addrs []string
	for _, n := range []int{2, 0} {
		s := made(f, fixtures(), func(o *setup) {
			o.Workers, o.Run = n, func() (bool, time.Duration) { return false, 0 }
			o.HeaderTimeout, o.ReadTimeout = time.Second, time.Second
		})
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			f.Fatal(err)
		}
		go func() { _ = s.Serve(ln) }()
		f.Cleanup(func() { _ = s.Close() })
		addrs = append(addrs, ln.Addr().String())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		loops, goroutines := answersTo(t, addrs[0], raw), answersTo(t, addrs[1], raw)
		if loops != goroutines {
			t.Errorf("%q: event loops answer\n%s\ngoroutines\n%s", raw, loops, goroutines)
		}
	})
}

// answersTo sends bytes, ends that side of the connection, and lists the answers.
func answersTo(t *testing.T, addr string, raw []byte) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		_, _ = c.Write(raw)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	raw, _ = io.ReadAll(c)
	raw = newID.ReplaceAll(durations.ReplaceAll(raw, []byte("dur=0.000")), []byte("X-Request-Id: NEW"))
	var all strings.Builder
	for r := bufio.NewReader(bytes.NewReader(raw)); ; {
		a, err := readAnswer(r)
		if err != nil {
			return all.String() // the connection has ended, or the answer to a HEAD announces a body
		}
		fmt.Fprintf(&all, "%d %v %s %s\n", a.status, a.close, a.header.Get("X-Request-Id"), a.body)
	}
}
