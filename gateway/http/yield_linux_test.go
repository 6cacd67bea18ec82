package httpfront

import (
	"bufio"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// byHand is a loop whose only worker is the test.
type byHand struct {
	*testing.T
	*worker
}

func newByHand(t *testing.T, model *fakeModel) byHand {
	t.Helper()
	s := made(t, newFakeModels(model), nil)
	l, err := newLoop(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	l.yield.workers = 1
	w := &worker{l: l, s: s, in: make([]byte, 64<<10)}
	w.ctx.Init2(nil, nil, false)
	w.reader = bufio.NewReaderSize(&w.header, 16<<10)
	return byHand{t, w}
}

// client is the other end of a socket of the loop.
type client struct {
	byHand
	socket *socket
	net.Conn
	r *bufio.Reader
}

func (h byHand) connect() client {
	h.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		h.Fatal(err)
	}
	file := os.NewFile(uintptr(fds[1]), "client")
	c, err := net.FileConn(file)
	_ = file.Close()
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = c.Close(); _ = unix.Close(fds[0]) })
	h.add(fresh{fd: fds[0]})
	return client{h, h.l.sockets[h.l.mu.used-1].Load(), c, bufio.NewReader(c)}
}

// ask sends a request and has the worker look at the socket.
func (c client) ask(request string) {
	c.Helper()
	if _, err := c.Write([]byte(request)); err != nil {
		c.Fatal(err)
	}
	c.note(c.socket, noteReadable)
}

func (c client) gets(what string, status int) {
	c.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if a, err := readAnswer(c.r); err != nil || a.status != status {
		c.Fatalf("%s: got %d %s, %v, want %d", what, a.status, a.body, err, status)
	}
}

func (c client) getsNothing(what string) {
	c.Helper()
	control, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		c.Fatal(err)
	}
	n, buffered := 0, c.r.Buffered()
	_ = control.Control(func(fd uintptr) { n, _, _ = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT) })
	if n > 0 || buffered > 0 {
		a, err := readAnswer(c.r)
		c.Fatalf("%s: got %d %s, %v, want nothing yet", what, a.status, a.body, err)
	}
}

var refusalOfTests = &fault.Error{Kind: fault.Overloaded, Text: "too much", RetryAfter: time.Millisecond}

// A refused connection is not read until its time has come; it is over with the first request that
// is admitted.
func TestRefusedConnectionsAreReadLater(t *testing.T) {
	full := true
	model := simpleModel()
	model.admit = func() error {
		if full {
			return refusalOfTests
		}
		return nil
	}
	h := newByHand(t, model)
	c, infer := h.connect(), post(simpleInfer, simpleBody(""))
	c.ask(infer)
	c.gets("the first request", 429)
	c.ask(infer)
	c.getsNothing("the second request")
	other := h.connect()
	other.ask(infer)
	other.gets("a fresh connection", 429)
	full = false
	for h.l.yield.any() {
		h.resume()
	}
	c.deliverAll()
	c.gets("the second request", 200)
	c.ask(infer)
	c.deliverAll()
	c.gets("after an admitted request", 200)
	full = true
	c.ask(infer + infer)
	c.gets("the first of two at once", 429)
	c.getsNothing("the second of two at once")
	_ = other.Close() // it may leave while it is held, and others still get their turn
	h.note(other.socket, noteGone)
	for h.l.yield.any() {
		h.resume()
	}
	c.gets("the second of two at once", 429)
}

// deliverAll answers what the fake model runs on goroutines of its own.
func (h byHand) deliverAll() {
	for h.l.inFlight.Load() > 0 {
		h.deliver()
	}
}

// While a model works, cheap answers come only as far as there is room for them. What is fresh is
// answered, and so are those whom the model answered last.
func TestCheapAnswersWaitTheirTurn(t *testing.T) {
	h := newByHand(t, simpleModel())
	y := &h.l.yield
	y.allowed.since.Store(int64(clock.Now().Add(time.Hour))) // no time passes
	h.l.inFlight.Store(1)
	live, bad := get("/v2/health/live"), get("/nope")
	soon := func(c client) { c.socket.since = clock.Now().Add(time.Hour) } // right after the answer
	c, d := h.connect(), h.connect()
	c.ask(live)
	c.gets("a fresh connection", 200)
	soon(c)
	c.ask(bad)
	c.getsNothing("the next one")
	d.ask(bad)
	d.gets("another fresh connection", 404)
	soon(d)
	d.ask(live)
	d.getsNothing("its next one")
	h.resume()
	c.getsNothing("nothing has been earned")
	for y.allowed.spent(clock.Now()) {
		y.allowed.add(1000)
	}
	h.resume()
	c.gets("who came first", 404)
	d.getsNothing("who came second")
	d.socket.since = clock.Now().Add(-probeAfter)
	y.allowed.add(1000)
	h.resume()
	d.gets("who came second", 200)
	d.socket.since = clock.Now().Add(-probeAfter)
	d.ask(live)
	d.gets("a probe", 200)
	soon(d)
	d.ask(live)
	d.getsNothing("no room is left")
	h.l.inFlight.Store(0)
	h.resume()
	d.gets("the model has nothing to do", 200)
}

// A connection that sends many requests ahead has one answered in a round, so that the others are
// read in between; a large answer is no different.
func TestRequestsSentAheadWaitForOthers(t *testing.T) {
	h := newByHand(t, simpleModel())
	hog, other := h.connect(), h.connect()
	const requests = 5
	hog.ask(strings.Repeat(get("/openapi.json"), requests))
	for n := 1; ; n++ {
		hog.gets("the next request", 200)
		hog.getsNothing("one more in the same round")
		other.ask(get("/v2/health/live"))
		other.gets("another connection", 200)
		if n == requests {
			break
		}
		if h.l.nextDue() > clock.Now() {
			t.Fatal("the worker would sleep")
		}
		h.resume()
	}
	if h.resume(); h.l.yield.ahead.n.Load() != 0 {
		t.Error("a connection is in line that has no request")
	}
}

// Callers that ask for their health as fast as they can get no more than is allowed while the model
// works, and a latecomer is answered.
func TestStormOfHealthChecks(t *testing.T) {
	model, works, stop := simpleModel(), make(chan struct{}), make(chan struct{})
	run := model.run
	model.run = func(tk *task.Task) error { close(works); <-stop; return run(tk) }
	e := serve(t, newFakeModels(model), nil)
	slow := e.dial()
	defer slow.Close()
	_, _ = slow.Write([]byte(post(simpleInfer, simpleBody(""))))
	<-works
	const callers, length = 16, 300 * time.Millisecond
	var got atomic.Int64
	var running sync.WaitGroup
	begin := time.Now()
	for range callers {
		running.Go(func() {
			c := e.dial()
			defer c.Close()
			for r := bufio.NewReader(c); time.Since(begin) < length; got.Add(1) {
				if a := e.exchange(c, r, get("/v2/health/live")); a.status != 200 {
					t.Errorf("got %d %s", a.status, a.body)
					return
				}
			}
		})
	}
	if a := e.send(get("/nope")); a.status != 404 {
		t.Errorf("a latecomer got %d %s", a.status, a.body)
	}
	running.Wait()
	// Who leaves more than probeAfter between two requests is not counted: on a busy machine all may.
	most := savedAnswers/1000 + time.Since(begin).Seconds()*perSecond*float64(workers) + callers*(2+time.Since(begin).Seconds()/probeAfter.Seconds())
	if float64(got.Load()) > most {
		t.Errorf("%d answers in %v, want at most %.0f", got.Load(), time.Since(begin), most)
	}
	close(stop)
	if a, err := readAnswer(bufio.NewReader(slow)); err != nil || a.status != 200 || strings.Contains(a.body, "error") {
		t.Errorf("the prediction got %d %s, %v", a.status, a.body, err)
	}
}
