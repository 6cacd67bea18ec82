package admin

import (
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// maxConnections bounds the connections of the admin port, and those of the metrics port: a few
	// monitors and operators.
	maxConnections = 64
	// writeTimeout is how long a write waits for a client that takes nothing.
	writeTimeout = 30 * time.Second
)

// bounded is a listener with room for maxConnections. A connection that comes when it is full takes the place of
// the one that has been without a request for longest, so that nobody who only connects keeps a monitor out. If all
// have requests under way, the new one is turned away.
type bounded struct {
	net.Listener
	mu struct {
		sync.Mutex
		open int
		idle []*counted // without a request, the longest first
	}
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if b.enter() {
			return &counted{Conn: c, from: b, write: writeTimeout}, nil
		}
		_ = c.SetWriteDeadline(time.Now().Add(time.Millisecond)) // what it takes at once
		_, _ = io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		_ = c.Close()
	}
}

// enter makes room for a connection, if there can be any.
func (b *bounded) enter() bool {
	b.mu.Lock()
	if b.mu.open < maxConnections {
		b.mu.open++
		b.mu.Unlock()
		return true
	}
	if len(b.mu.idle) == 0 {
		b.mu.Unlock()
		return false
	}
	last := b.mu.idle[0]
	b.mu.open++ // closing counts it down
	b.mu.Unlock()
	_ = last.Close()
	return true
}

// changed is told when a connection begins or ends a request.
func (b *bounded) changed(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*counted)
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.idle = slices.DeleteFunc(b.mu.idle, func(other *counted) bool { return other == c })
	if (state == http.StateNew || state == http.StateIdle) && !c.closed {
		b.mu.idle = append(b.mu.idle, c)
	}
}

// counted is a connection that is counted out when it is closed.
type counted struct {
	net.Conn
	from   *bounded
	write  time.Duration
	closed bool // guarded by from.mu
}

// Write gives up on a client that takes nothing.
func (c *counted) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(c.write))
	return c.Conn.Write(b)
}

func (c *counted) Close() error {
	c.from.mu.Lock()
	if !c.closed {
		c.closed = true
		c.from.mu.open--
		c.from.mu.idle = slices.DeleteFunc(c.from.mu.idle, func(other *counted) bool { return other == c })
	}
	c.from.mu.Unlock()
	return c.Conn.Close()
}
