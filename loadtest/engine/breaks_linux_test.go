package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/loadtest/sample"
)

// each listens and hands every connection to handle, which may not outlive the test.
func each(t testing.TB, handle func(c *net.TCPConn)) netip.AddrPort {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			conns.Go(func() {
				handle(c)
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		conns.Wait()
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// A connection that proves to be closed when a request is written has told nothing: the request
// goes over another one.
func TestConnectionBreaksAtWrite(t *testing.T) {
	addr := serve(t, func(w io.Writer, _ int64, id string, body []byte) bool { return ok(w, id+" "+string(body)) })
	var e *Engine
	broken := 0
	breaks := func(a *Answer) Verdict {
		if broken++; broken%3 == 0 { // of the connection that is about to be given the next request
			for _, c := range e.conns {
				if c.state == busy && e.ids.of(c.request) == a.ID {
					_ = unix.Shutdown(c.fd, unix.SHUT_WR)
				}
			}
		}
		return echoes{}.Check(a)
	}
	const n = 60
	var err error
	e, err = New(Options{Targets: []Target{{Addr: addr, Payloads: payloads(3), Checker: checkFunc(breaks)}}, Arrivals: every(n, 0, 3), Connections: 4, CPU: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := counts(t, e); got[sample.OK] != n {
		t.Errorf("outcomes %v", got)
	}
	if p := e.Progress(); p.Written != n || p.Reopened == 0 {
		t.Errorf("%d requests count as written, %d connections were opened again", p.Written, p.Reopened)
	}
}

// The end of a connection that comes with the answer is seen before the next request is sent into it.
func TestClosedBehindAnswer(t *testing.T) {
	addr := each(t, func(c *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		body, _ := io.ReadAll(req.Body)
		// The kernel then sends the answer and the end in one packet.
		raw, err := c.SyscallConn()
		if err != nil {
			t.Error(err)
			return
		}
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1) })
		ok(c, req.Header.Get("X-Id")+" "+string(body))
	})
	const n = 200
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(3), Checker: echoes{}}}, Arrivals: every(n, 0, 3), Connections: 2})
	if got := counts(t, e); got[sample.OK] != n {
		t.Errorf("outcomes %v", got)
	}
	if p := e.Progress(); p.Reopened < n-2 || p.Extra != 0 {
		t.Errorf("%d connections were opened again, %d extra answers", p.Reopened, p.Extra)
	}
}

// A server that closes connections nobody uses costs no request.
func TestIdleConnectionsAreClosed(t *testing.T) {
	addr := each(t, func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		for {
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			if !ok(c, req.Header.Get("X-Id")+" "+string(body)) {
				return
			}
		}
	})
	const n = 8
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(3), Checker: echoes{}}}, Arrivals: every(n, 150*time.Millisecond, 3)})
	if got := counts(t, e); got[sample.OK] != n {
		t.Errorf("outcomes %v", got)
	}
	if p := e.Progress(); p.Reopened == 0 {
		t.Error("no connection was opened again")
	}
}

// A server may refuse a request that it has not read in full and break the connection: what it
// said counts.
func TestAnswerBeforeTheRequestIsWritten(t *testing.T) {
	addr := each(t, func(c *net.TCPConn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		fmt.Fprint(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		_ = c.SetLinger(0) // what lies unread is answered with a reset
	})
	head := "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 16777216\r\n\r\n"
	p := Payload{Bytes: append([]byte(head), make([]byte, 16<<20)...), ID: -1}
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: []Payload{p}}}, Arrivals: every(10, 5*time.Millisecond, 1), Connections: 2})
	got := counts(t, e)
	if got[sample.ClientError] != 10 {
		t.Errorf("outcomes %v", got)
	}
}

// What lies unread when the other side ends is read.
func TestEndBehindALongAnswer(t *testing.T) {
	const size = 4 << 20
	addr := each(t, func(c *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n") // its length is told by the end alone
		_, _ = c.Write(make([]byte, size))
	})
	whole := func(a *Answer) Verdict {
		if len(a.Body) != size {
			return Verdict{Kind: WrongValue}
		}
		return Verdict{Kind: Right}
	}
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(1), Checker: checkFunc(whole)}}, Arrivals: every(10, time.Millisecond, 1)})
	if got := counts(t, e); got[sample.OK] != 10 {
		t.Errorf("outcomes %v", got)
	}
}

// A server that ends each connection as soon as it has it refuses.
func TestAcceptedAndClosed(t *testing.T) {
	addr := each(t, func(c *net.TCPConn) { _ = c.SetLinger(0) })
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(1)}}, Arrivals: every(50, time.Millisecond, 1), Timeout: 300 * time.Millisecond})
	got := counts(t, e)
	// Whether the end or the request was there first is chance.
	if got[sample.Refused]+got[sample.Lost]+got[sample.Unsent] != 50 {
		t.Errorf("outcomes %v", got)
	}
}

// full listens on a socket whose queue is full: whoever connects then hears nothing.
func full(t testing.TB) (addr netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in, _ := name.(*unix.SockaddrInet4)
	addr = netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
	for range 8 {
		c, err := net.DialTimeout("tcp", addr.String(), 50*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue of a socket that holds one connection takes eight")
	return addr
}

// Connections that never come about end by patience, and so do the requests that wait for them.
func TestConnectingForever(t *testing.T) {
	o := Options{Targets: []Target{{Addr: full(t), Payloads: payloads(1)}}, Arrivals: every(100, 4*time.Millisecond, 1), Timeout: 50 * time.Millisecond}
	e := run(t, o)
	if got := counts(t, e); got[sample.Unsent] != 100 {
		t.Errorf("outcomes %v", got)
	}
	if p := e.Progress(); p.Reopened == 0 {
		t.Error("a connection that does not come about holds its place forever")
	}
	for i := range e.servers {
		if s := &e.servers[i]; s.opened != 0 || len(s.coming) != 0 || len(s.idle) != 0 {
			t.Errorf("%d connections are open, %d connecting, %d idle", s.opened, len(s.coming), len(s.idle))
		}
	}
}

// A context that ends while nothing can be connected ends the run.
func TestEndOfContextWhileConnecting(t *testing.T) {
	e, err := New(Options{Targets: []Target{{Addr: full(t), Payloads: payloads(1)}}, Closed: &Closed{Workers: 3, Length: time.Hour}, CPU: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := counts(t, e); got[sample.Unsent] != len(e.Samples()) {
		t.Errorf("outcomes %v", got)
	}
}

// A worker whose request was refused waits for a moment.
func TestClosedLoopAgainstNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	const length, workers = 100 * time.Millisecond, 3
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(1)}}, Closed: &Closed{Workers: workers, Length: length}})
	got := counts(t, e)
	if n := len(e.Samples()); n < workers || n > workers*int(length/refusedPause+1) || got[sample.Refused] != n {
		t.Errorf("%d requests, outcomes %v", n, got)
	}
}

// The repetition of an answer that was not compared, or was wrong, is an extra answer all the same.
func TestRepetitionOfWhatWasNotCompared(t *testing.T) {
	f := func(name string, kind VerdictKind, want sample.Outcome) {
		t.Helper()
		var before string
		addr := serve(t, func(w io.Writer, n int64, id string, body []byte) bool { // one connection, one after the other
			own := id + " " + string(body)
			last := before
			before = own
			return (n != 6 || ok(w, last)) && ok(w, own)
		})
		check := func(a *Answer) Verdict {
			v := echoes{}.Check(a)
			if v.Kind == Right && a.ID&0xffffffff == 4 {
				v.Kind = kind
			}
			return v
		}
		e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(2), Checker: checkFunc(check)}}, Arrivals: every(10, time.Millisecond, 2), Connections: 1})
		got, extra := counts(t, e), e.Progress().Extra
		var expected [sample.Outcomes]int
		expected[sample.OK] = 9
		expected[want]++
		if got != expected || extra != 1 {
			t.Errorf("%s: outcomes %v, %d extra", name, got, extra)
		}
	}
	f("not compared", Unchecked, sample.OK)
	f("wrong", WrongValue, sample.Wrong)
	f("of another variant", OtherVariant, sample.Wrong)
}
