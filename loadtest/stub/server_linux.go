package stub

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// Server is a running fault server.
type Server struct {
	addr    string
	origin  atomic.Int64 // clock.Instant from which stalls count
	closing atomic.Bool
	asks    chan chan Counts // of 1: the thread is woken after each
	done    chan struct{}
	counts  Counts // the last ones, once done is closed
	err     error  // likewise

	mu struct {
		sync.Mutex
		wake int // an eventfd; -1 once the thread has ended
	}
}

// Start listens and starts the thread. It fails if options are out of bounds, or the address
// cannot be had.
func Start(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("cannot start the fault server: %w", err)
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	s := &Server{asks: make(chan chan Counts, 1), done: make(chan struct{})}
	l, err := newLoop(s, o)
	if err != nil {
		return nil, fmt.Errorf("cannot start the fault server: %w", err)
	}
	s.Begin()
	go func() {
		// Not unlocked: the thread, with its timers' settings, ends with the goroutine.
		runtime.LockOSThread()
		quiet()
		s.err = l.run()
		s.counts = l.counts.clone()
		s.mu.Lock()
		s.mu.wake = -1
		s.mu.Unlock()
		l.closeAll()
		close(s.done)
	}()
	return s, nil
}

// quiet asks for prompt timers and a good place in the queue for a processor; what is refused
// is done without.
func quiet() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -10)
}

// Addr is where the server listens, as host:port.
func (s *Server) Addr() string { return s.addr }

// Begin starts the clock of stalls anew, so that a caller can measure from when its own run begins.
func (s *Server) Begin() {
	s.origin.Store(int64(clock.Now()))
	s.wake()
}

// Counts is what the server has done so far. What a client has read of an answer is in it.
func (s *Server) Counts() Counts {
	reply := make(chan Counts, 1) // of 1: the thread never waits
	select {
	case s.asks <- reply:
		s.wake()
	case <-s.done:
		return s.counts.clone()
	}
	select {
	case c := <-reply:
		return c
	case <-s.done:
		return s.counts.clone()
	}
}

// Close ends the server and its connections, and waits for the thread. The error is what the
// thread failed with, if it did. It may be called more than once.
func (s *Server) Close() error {
	s.closing.Store(true)
	s.wake()
	<-s.done
	return s.err
}

func (s *Server) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.wake < 0 {
		return
	}
	one := [8]byte{1}
	// It fails only if the count in it is full, and then the thread wakes anyway.
	_, _ = unix.Write(s.mu.wake, one[:])
}

// listen opens the listening socket.
func listen(addr string) (fd int, bound string, err error) {
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return -1, "", fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, "", fmt.Errorf("cannot make a socket: %w", err)
	}
	at := &unix.SockaddrInet4{Port: tcp.Port}
	copy(at.Addr[:], tcp.IP.To4())
	err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.Bind(fd, at))
	if err == nil {
		err = unix.Listen(fd, 4096)
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, "", fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	in, _ := name.(*unix.SockaddrInet4)
	return fd, (&net.TCPAddr{IP: in.Addr[:], Port: in.Port}).String(), nil
}
