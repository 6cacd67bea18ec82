package httpfront

import (
	"context"
	"fmt"
	"net"
	"time"

	"sluice/gateway/http/loop"
	"sluice/internal/clock"
)

// How a server stops. A client may be about to send a request on a connection that it has just opened, or on which
// it has just had an answer. The network says nothing of it, and closing such a connection loses the request. So
// each connection gets the time to send one more request, which is answered with Connection: close. Only what has
// been quiet for longer is closed, after a last look at it.

const (
	// newGrace is how long a connection may take to its first request when the server stops, and
	// usedGrace how long one may take from its last answer to the next.
	newGrace  = time.Second
	usedGrace = 200 * time.Millisecond
	// acceptLast is how long Shutdown waits for connections whose handshake is under way.
	acceptLast = 20 * time.Millisecond
	// lookIdle is how often Shutdown looks for connections that it can close.
	lookIdle = 10 * time.Millisecond
)

// BeginDrain makes the server unready and lets every answer close its connection, so
// that load balancers and clients move on. Requests are still served.
func (s *Server) BeginDrain() { s.draining.Store(true) }

// Shutdown stops accepting, closes the connections that wait for a request and have been quiet, and
// waits until the others have had their answers. BeginDrain should come a while before: clients and
// balancers then have let go of their connections. When ctx ends first, requests from then on are
// answered 503 DRAINING, and ctx's error is returned. The caller then ends the waiting tasks (their
// handlers answer) and calls Close.
func (s *Server) Shutdown(ctx context.Context) error {
	s.BeginDrain()
	s.stopListeners()
	s.accepting.Wait()
	s.accepted.Store(true)
	tick := time.NewTicker(lookIdle)
	defer tick.Stop()
	for s.closeIdle() > 0 {
		select {
		case <-ctx.Done():
			s.refusing.Store(true)
			return fmt.Errorf("cannot finish all requests in time: %w", ctx.Err())
		case <-tick.C:
		}
	}
	s.loops.Wait() // before the rest: a worker hands connections over to goroutines
	s.running.Wait()
	return nil
}

// closeGrace is how long Close lets handlers write their last answers.
const closeGrace = time.Second

// Close ends what is left after Shutdown. Handlers have a second to write answers;
// then connections are cut. It does not wait for a handler that is stuck in a model.
func (s *Server) Close() error {
	s.refusing.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	err := s.Shutdown(ctx)
	s.loops.CutAll()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.mu.conns {
		_ = c.Conn.Close()
	}
	return err
}

// stopListeners lets no new connection begin and has Serve accept those that have: the kernel would
// reset them with the listener, although their clients may have sent a request.
func (s *Server) stopListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping.Swap(true) {
		close(s.quit)
	}
	for _, ln := range s.mu.listeners {
		loop.RefuseHandshakes(ln)
		acceptSoon(ln)
	}
	s.mu.listeners = nil
}

// acceptSoon lets a listener accept for a moment yet.
func acceptSoon(ln net.Listener) {
	if d, ok := ln.(interface{ SetDeadline(time.Time) error }); !ok || d.SetDeadline(time.Now().Add(acceptLast)) != nil {
		_ = ln.Close()
	}
}

// closeIdle closes the connections on which no request is to be expected, and returns
// how many connections there are.
func (s *Server) closeIdle() int {
	s.loops.CutIdle()
	now := clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.mu.conns {
		if since, used := c.idleSince(); since != 0 && quiet(now.Sub(since), used) && !c.Pending() {
			_ = c.Conn.Close()
		}
	}
	return s.mu.open
}

// quiet reports whether a connection has been idle for so long that it may be closed; used says that
// it has had an answer.
func quiet(idle time.Duration, used bool) bool {
	if used {
		return idle >= usedGrace
	}
	return idle >= newGrace
}
