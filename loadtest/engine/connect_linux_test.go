package engine

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/loadtest/sample"
)

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

// Where the machine has no more sockets or ports, what is open must do; with nothing open there
// is no answer but no.
func TestMakeDo(t *testing.T) {
	s := server{limit: 100, opened: 3}
	if !s.makeDo() || s.limit != 3 {
		t.Errorf("with 3 connections open the limit is %d", s.limit)
	}
	s = server{limit: 100}
	if s.makeDo() || s.limit != 100 {
		t.Errorf("with none open the limit is %d", s.limit)
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
