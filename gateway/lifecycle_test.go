package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/internal/task"
)

// gated is the simple model whose runs wait for a word.
func gated() (m *fakeModel, entered chan *task.Task, open chan struct{}) {
	m = simpleModel()
	run := m.run
	entered, open = make(chan *task.Task, 16), make(chan struct{})
	m.run = func(t *task.Task) error {
		entered <- t
		<-open
		return run(t)
	}
	return m, entered, open
}

// A panic costs its request and nothing else; the model is let go.
func TestPanicIsOneRequest(t *testing.T) {
	model := simpleModel()
	run := model.run
	var calls atomic.Int32
	model.run = func(t *task.Task) error {
		if calls.Add(1) == 1 {
			panic("broken")
		}
		return run(t)
	}
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	if a := e.exchange(c, r, post(simpleInfer, simpleBody(""))); a.status != 500 || !strings.Contains(a.body, `"code":"INTERNAL"`) || strings.Contains(a.body, "broken") {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if a := e.exchange(c, r, post(simpleInfer, simpleBody(""))); a.status != 200 {
		t.Fatalf("the next request got %d %s", a.status, a.body)
	}
	if pins := model.pins.Load(); pins != 0 {
		t.Fatalf("the model is pinned %d times", pins)
	}
}

// Requests that were accepted before and during a drain are all answered, each with
// Connection: close, and only then does Shutdown return.
func TestDrainLosesNothing(t *testing.T) {
	e := serve(t, fixtures(), nil)
	const clients = 24
	var sent, answered atomic.Int64
	var running sync.WaitGroup
	begun := make(chan struct{})
	var once sync.Once
	for range clients {
		running.Go(func() {
			for {
				c, err := net.Dial("tcp", e.addr)
				if err != nil {
					return // no longer accepting
				}
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				r := bufio.NewReader(c)
				for closed := false; !closed; {
					if _, err := io.WriteString(c, post(simpleInfer, simpleBody(""))); err != nil {
						t.Errorf("cannot send on an open connection: %v", err)
						break
					}
					sent.Add(1)
					a, err := readAnswer(r)
					if err != nil || a.status != 200 {
						t.Errorf("a sent request got %d, %v", a.status, err)
						break
					}
					closed = a.close
					if answered.Add(1) == 500 {
						once.Do(func() { close(begun) })
					}
				}
				_ = c.Close()
				select {
				case <-begun:
					return // a balancer that saw the server unready
				default:
				}
			}
		})
	}
	<-begun
	e.server.BeginDrain()
	if a := e.send(get("/v2/health/ready")); a.status != 503 || !strings.Contains(a.body, "DRAINING") || !a.close {
		t.Errorf("readiness while draining: %d %s", a.status, a.body)
	}
	running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if sent.Load() != answered.Load() {
		t.Fatalf("%d requests were sent, %d answered", sent.Load(), answered.Load())
	}
	if open := e.seen.connections(); open != 0 {
		t.Fatalf("%d connections are still counted as open", open)
	}
}

func (r *recorder) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// Shutdown waits for a request that is being run; its answer arrives.
func TestShutdownWaitsForRunningRequests(t *testing.T) {
	model, entered, open := gated()
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	answer := make(chan answerOf, 1)
	go func() {
		_, _ = io.WriteString(c, post(simpleInfer, simpleBody("")))
		a, _ := readAnswer(bufio.NewReader(c))
		answer <- a
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- e.server.Shutdown(context.Background()) }()
	e.eventually("new connections are refused", func() bool {
		c, err := net.Dial("tcp", e.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned %v before the answer", err)
	default:
	}
	close(open)
	if a := <-answer; a.status != 200 || !a.close {
		t.Fatalf("got %d, close %v", a.status, a.close)
	}
	if err := <-down; err != nil {
		t.Fatal(err)
	}
}

// After the drain deadline requests are refused 503 DRAINING, and a request whose task
// the scheduler ends is answered before Close cuts the connection.
func TestDrainDeadline(t *testing.T) {
	model, entered, open := gated()
	run := model.run
	model.run = func(tk *task.Task) error {
		_ = run(tk)
		return fault.New(fault.Draining, "the server is shutting down")
	}
	e := serve(t, newFakeModels(model), nil)
	waiting, late := e.dial(), e.dial()
	_, _ = io.WriteString(waiting, post(simpleInfer, simpleBody("")))
	_, _ = io.WriteString(late, "POST "+simpleInfer+" HTTP/1.1\r\n") // not idle, so not closed
	<-entered
	e.eventually("the late request has begun", func() bool {
		e.server.mu.Lock()
		defer e.server.mu.Unlock()
		busy := 0
		for c := range e.server.mu.conns {
			if !c.idle.Load() {
				busy++
			}
		}
		return busy == 2
	})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := e.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	body := simpleBody("")
	a := e.exchange(late, bufio.NewReader(late), strings.TrimPrefix(post(simpleInfer, body), "POST "+simpleInfer+" HTTP/1.1\r\n"))
	if a.status != 503 || !strings.Contains(a.body, "DRAINING") || !a.close {
		t.Fatalf("a late request got %d %s", a.status, a.body)
	}
	close(open)
	a, err := readAnswer(bufio.NewReader(waiting))
	if err != nil || a.status != 503 || !strings.Contains(a.body, "DRAINING") {
		t.Fatalf("a waiting request got %d %s, %v", a.status, a.body, err)
	}
	if err := e.server.Close(); err != nil {
		t.Fatal(err)
	}
}

// The scheduler can ask whether a waiting request's client is still there.
func TestPeerGone(t *testing.T) {
	model, entered, open := gated()
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	_, _ = io.WriteString(c, post(simpleInfer, simpleBody("")))
	tk := <-entered
	if tk.Peer == nil || tk.Peer.Gone() {
		t.Fatal("a client that waits is taken for gone")
	}
	_, _ = io.WriteString(c, "GET") // the start of a pipelined request is a sign of life
	e.eventually("the bytes arrive", tk.Peer.(*conn).pending)
	if tk.Peer.Gone() {
		t.Fatal("a client that pipelines is taken for gone")
	}
	for _, reset := range []bool{false, true} {
		c := e.dial()
		_, _ = io.WriteString(c, post(simpleInfer, simpleBody("")))
		tk := <-entered
		if reset {
			_ = c.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
		e.eventually("a client that left is seen as gone", tk.Peer.Gone)
	}
	close(open)
}

// Connections beyond the limit are told so at once, and room is made when one ends.
func TestConnectionLimit(t *testing.T) {
	e := serve(t, fixtures(), func(o *Options) { o.Limits.MaxConnections = 2 })
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

// Announced bodies are counted before they are read, small ones are not.
func TestBodiesBudget(t *testing.T) {
	e := serve(t, fixtures(), func(o *Options) {
		o.Limits.MaxBodyBytes, o.Limits.MaxBodiesBytes = 1<<20, 2<<20
	})
	large := inferTo + "Content-Length: 1048576\r\n\r\nx"
	var held []net.Conn
	for n := range 2 {
		c := e.dial()
		_, _ = io.WriteString(c, large)
		held = append(held, c)
		e.eventually("the body is counted", func() bool { return e.server.bodies.Load() == int64(n+1)<<20 })
	}
	if a := e.send(large); a.status != 503 || !strings.Contains(a.body, "NO_CAPACITY") {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if a := e.send(inferTo + chunked + "20000\r\n"); a.status != 503 || !strings.Contains(a.body, "NO_CAPACITY") {
		t.Fatalf("chunked: got %d %s", a.status, a.body)
	}
	e.good()
	for _, c := range held {
		_ = c.Close()
	}
	e.eventually("the bodies are let go", func() bool { return e.server.bodies.Load() == 0 })
}

// Pipelined requests are answered one by one, each as soon as it is done.
func TestPipelining(t *testing.T) {
	model, entered, open := gated()
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	_, _ = io.WriteString(c, get("/v2/health/live")+"\r\n"+post(simpleInfer, simpleBody(`"id":"1",`))+post(simpleInfer, simpleBody(`"id":"2",`))+"GET /nope HTTP/1.1\r\n")
	if a, err := readAnswer(r); err != nil || a.status != 200 || a.body != `{"live":true}` {
		t.Fatalf("got %d %s, %v", a.status, a.body, err)
	}
	<-entered // the first answer did not wait for the second request's
	close(open)
	for _, id := range []string{"1", "2"} {
		if a, err := readAnswer(r); err != nil || a.status != 200 || !strings.Contains(a.body, `"id":"`+id+`"`) {
			t.Fatalf("got %d %s, %v", a.status, a.body, err)
		}
	}
	_, _ = io.WriteString(c, "Host: h\r\n\r\n")
	if a, err := readAnswer(r); err != nil || a.status != 404 {
		t.Fatalf("got %d %s, %v", a.status, a.body, err)
	}
}

// Many pipelined requests, cut anywhere, each get their answer in order.
func TestDeepPipelining(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := e.dial()
	var raw strings.Builder
	const requests = 300
	for n := range requests {
		if n%3 == 0 {
			raw.WriteString(get("/v2/health/live"))
		} else {
			raw.WriteString(post(simpleInfer, simpleBody(fmt.Sprintf(`"id":"%d",`, n))))
		}
	}
	go func() { _, _ = io.WriteString(c, raw.String()) }()
	r := bufio.NewReader(c)
	for n := range requests {
		a, err := readAnswer(r)
		want := fmt.Sprintf(`"id":"%d"`, n)
		if n%3 == 0 {
			want = `{"live":true}`
		}
		if err != nil || a.status != 200 || !strings.Contains(a.body, want) {
			t.Fatalf("answer %d is %d %s, %v; want %s", n, a.status, a.body, err, want)
		}
	}
}

// A kept connection that stays idle is closed without a word.
func TestIdleTimeout(t *testing.T) {
	e := serve(t, fixtures(), func(o *Options) { o.IdleTimeout = 40 * time.Millisecond })
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
	e := serve(t, fixtures(), func(o *Options) { o.WriteTimeout = 40 * time.Millisecond })
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

// Case 40, and requests in pieces of every size.
func TestChunkedAndFragmentedRequests(t *testing.T) {
	e := serve(t, fixtures(), nil)
	body := simpleBody("")
	chunks := func(size int) string {
		var b strings.Builder
		for at := 0; at < len(body); at += size {
			part := body[at:min(at+size, len(body))]
			b.WriteString(string("0123456789abcdef"[len(part)>>4]) + string("0123456789abcdef"[len(part)&15]) + ";x=1\r\n" + part + "\r\n")
		}
		return b.String() + "0\r\n\r\n"
	}
	for _, size := range []int{1, 7, 200} {
		if a := e.send(inferTo + chunked + chunks(size)); a.status != 200 || !strings.Contains(a.body, "[2,4,6") {
			t.Fatalf("chunks of %d: got %d %s", size, a.status, a.body)
		}
	}
	for _, raw := range []string{post(simpleInfer, body), inferTo + chunked + chunks(50)} {
		for _, size := range []int{1, 3, 100} {
			c := e.dial()
			_ = c.(*net.TCPConn).SetNoDelay(true)
			for at := 0; at < len(raw); at += size {
				_, _ = io.WriteString(c, raw[at:min(at+size, len(raw))])
			}
			if a, err := readAnswer(bufio.NewReader(c)); err != nil || a.status != 200 {
				t.Fatalf("fragments of %d: got %d %s, %v", size, a.status, a.body, err)
			}
			_ = c.Close()
		}
	}
}

func TestExpectContinue(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	body := simpleBody("")
	raw := post(simpleInfer, body, "Expect: 100-continue")
	_, _ = io.WriteString(c, raw[:len(raw)-len(body)])
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("got %q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	if a := e.exchange(c, r, body); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
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
