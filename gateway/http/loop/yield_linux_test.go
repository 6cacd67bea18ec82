package loop

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// byHand is a loop whose only worker is the test.
type byHand struct {
	*testing.T
	*worker
	front *fakeFront
}

func newByHand(t *testing.T) byHand {
	t.Helper()
	front := &fakeFront{}
	l, err := newLoop(New(options(1), front))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	l.yield.workers = 1
	return byHand{t, newWorker(l, 0), front}
}

// client is the other end of a socket of the loop.
type client struct {
	byHand
	socket *Socket
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
	h.add(fresh{fds[0], netip.AddrPort{}, 0})
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

func (c client) gets(what string, want int) {
	c.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if status, err := readStatus(c.r); err != nil || status != want {
		c.Fatalf("%s: got %d, %v, want %d", what, status, err, want)
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
		status, err := readStatus(c.r)
		c.Fatalf("%s: got %d, %v, want nothing yet", what, status, err)
	}
}

// A refused connection is not read until its time has come; it is over with the first request that
// is admitted.
func TestRefusedConnectionsAreReadLater(t *testing.T) {
	h := newByHand(t)
	h.front.full.Store(true)
	c := h.connect()
	c.ask(infer)
	c.gets("the first request", 429)
	c.ask(infer)
	c.getsNothing("the second request")
	other := h.connect()
	other.ask(infer)
	other.gets("a fresh connection", 429)
	h.front.full.Store(false)
	for h.l.yield.any() {
		h.resume()
	}
	c.deliverAll()
	c.gets("the second request", 200)
	c.ask(infer)
	c.deliverAll()
	c.gets("after an admitted request", 200)
	h.front.full.Store(true)
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
	h := newByHand(t)
	y := &h.l.yield
	y.allowed.since.Store(int64(clock.Now().Add(time.Hour))) // no time passes
	h.l.inFlight.Store(1)
	live, bad := get("/live"), get("/nope")
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
	h := newByHand(t)
	hog, other := h.connect(), h.connect()
	const requests = 5
	hog.ask(strings.Repeat(get("/large"), requests))
	for n := 1; ; n++ {
		hog.gets("the next request", 200)
		hog.getsNothing("one more in the same round")
		other.ask(get("/live"))
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
	works, stop := make(chan struct{}), make(chan struct{})
	const workers = 2
	addr := serve(t, &fakeFront{works: func() { close(works); <-stop }}, workers)
	slow := dial(t, addr)
	defer slow.Close()
	_, _ = slow.Write([]byte(infer))
	<-works
	const callers, length = 16, 300 * time.Millisecond
	var got atomic.Int64
	var running sync.WaitGroup
	begin := time.Now()
	for range callers {
		c := dial(t, addr)
		running.Go(func() {
			defer c.Close()
			for r := bufio.NewReader(c); time.Since(begin) < length; got.Add(1) {
				_, _ = c.Write([]byte(get("/live")))
				if status, err := readStatus(r); err != nil || status != 200 {
					t.Errorf("got %d, %v", status, err)
					return
				}
			}
		})
	}
	late := dial(t, addr)
	defer late.Close()
	_, _ = late.Write([]byte(get("/nope")))
	if status, err := readStatus(bufio.NewReader(late)); err != nil || status != 404 {
		t.Errorf("a latecomer got %d, %v", status, err)
	}
	running.Wait()
	// Who leaves more than probeAfter between two requests is not counted: on a busy machine all may.
	most := savedAnswers/1000 + time.Since(begin).Seconds()*perSecond*workers + callers*(2+time.Since(begin).Seconds()/probeAfter.Seconds())
	if float64(got.Load()) > most {
		t.Errorf("%d answers in %v, want at most %.0f", got.Load(), time.Since(begin), most)
	}
	close(stop)
	if status, err := readStatus(bufio.NewReader(slow)); err != nil || status != 200 {
		t.Errorf("the prediction got %d, %v", status, err)
	}
}
