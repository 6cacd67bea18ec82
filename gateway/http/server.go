package httpfront

import (
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"sluice/gateway"
	"sluice/gateway/http/loop"
	"sluice/internal/fault"
)

// Server serves the predict port.
type Server struct {
	opt     Options
	gateway *gateway.Gateway
	http    fasthttp.Server
	router  *router
	loops   *loop.Group // they have the connections without goroutines

	draining atomic.Bool  // not ready; answers close their connections
	stopping atomic.Bool  // no new connections
	accepted atomic.Bool  // the last connection has come
	refusing atomic.Bool  // the drain deadline has passed
	lingers  atomic.Int32 // connections being turned away
	pausing  atomic.Int32 // connections with goroutines that are not read after a refusal
	failures gateway.Throttle

	quit      chan struct{}  // closed when stopping begins
	accepting sync.WaitGroup // one per Serve
	running   sync.WaitGroup // one per connection with a goroutine
	mu        struct {
		sync.Mutex
		listeners []net.Listener
		open      int                // connections
		conns     map[*conn]struct{} // those with a goroutine of their own
	}
}

// New makes a server that is not listening yet.
func New(opt Options) (*Server, error) {
	if err := opt.complete(); err != nil {
		return nil, fmt.Errorf("cannot make the HTTP server: %w", err)
	}
	s := &Server{opt: opt, gateway: opt.Gateway, router: newRouter(opt.BasePath, predictRoutes), quit: make(chan struct{})}
	s.loops = loop.New(s.loopOptions(), served{s})
	s.mu.conns = make(map[*conn]struct{})
	s.http = fasthttp.Server{
		Handler:      s.handle,
		ErrorHandler: s.unreadable,
		// The connection refuses longer headers first; the rest of the buffer saves a
		// system call for the usual bodies.
		ReadBufferSize:  max(16<<10, opt.Limits.MaxHeaderBytes+4<<10),
		WriteBufferSize: 16 << 10,
		// Enforced by the connection as well; this keeps fasthttp's default away.
		MaxRequestBodySize:           int(opt.Limits.MaxBodyBytes),
		Concurrency:                  math.MaxInt32,
		NoDefaultServerHeader:        true,
		NoDefaultDate:                true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true,
	}
	return s, nil
}

// Serve accepts connections until Shutdown, or until the listener fails for good, and
// closes the listener. It may be called for several listeners.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	if !s.listen(ln) {
		return nil
	}
	defer s.accepting.Done()
	for pause := time.Duration(0); ; {
		raw, err := ln.Accept()
		if err == nil {
			pause = 0
			s.admit(raw)
			continue
		}
		if s.stopping.Load() {
			if loop.ConnectionWaits(ln) {
				acceptSoon(ln)
				continue
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("cannot accept connections: %w", err)
		}
		// Out of descriptors, most likely: it passes when connections end.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.failures.Error(s.opt.Log, "cannot accept a connection; trying again", zap.Error(err))
		select {
		case <-time.After(pause):
		case <-s.quit:
		}
	}
}

// listen registers a listener; false if the server is stopping already.
func (s *Server) listen(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		return false
	}
	s.mu.listeners = append(s.mu.listeners, ln)
	s.accepting.Add(1)
	s.loops.Start()
	loop.StampArrivals(ln)
	return true
}

// admit gives a connection to an event loop, or a goroutine that serves it until it ends.
func (s *Server) admit(raw net.Conn) {
	s.mu.Lock()
	room := s.mu.open < s.opt.Limits.MaxConnections
	if room {
		s.mu.open++
	}
	s.mu.Unlock()
	if !room {
		s.turnAway(newConn(raw, s), fault.Newf(fault.NoCapacity, "all %d connections (limits.max_connections) are in use; try again", s.opt.Limits.MaxConnections))
		return
	}
	s.opt.Observer.Connected(1)
	loop.BoundUnsent(raw)
	if !s.loops.Take(raw, addressOf(raw)) {
		s.dedicate(newConn(raw, s), nil)
	}
}

// dedicate gives a connection a goroutine. rest is what is still to be written of the answer to its previous
// request; nil if nothing is.
func (s *Server) dedicate(c *conn, rest *loop.Rest) {
	s.mu.Lock()
	s.mu.conns[c] = struct{}{}
	s.mu.Unlock()
	s.running.Go(func() {
		if c.finish(rest) {
			_ = s.http.ServeConn(c) // its errors have been answered or concern a client that left
		} else {
			_ = c.Close()
		}
		s.mu.Lock()
		delete(s.mu.conns, c)
		s.mu.Unlock()
		s.closed()
	})
}

// closed counts a connection out.
func (s *Server) closed() {
	s.mu.Lock()
	s.mu.open--
	s.mu.Unlock()
	s.opt.Observer.Connected(-1)
}

// maxLingers bounds the goroutines that turn connections away with an answer; beyond
// it they are only closed.
const maxLingers = 64

// turnAway answers before the request is read.
func (s *Server) turnAway(c *conn, f *fault.Error) {
	if s.lingers.Add(1) > maxLingers {
		s.lingers.Add(-1)
		_ = c.Conn.Close()
		return
	}
	s.running.Go(func() {
		defer s.lingers.Add(-1)
		c.refuse(f)
		_ = c.Close()
	})
}
