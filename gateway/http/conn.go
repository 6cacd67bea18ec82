package httpfront

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/http1"
	"sluice/internal/memory"
)

var errRefused = errors.New("request refused by the gateway")

// conn stands between a client and fasthttp. It lets one well-framed request through at
// a time: bytes of a pipelined request wait here until the answer before it is written.
// It answers itself what cannot be framed (refuse); fasthttp's own attempt to answer then goes nowhere.
//
// States: waiting for a request (idle) -> in a header -> in a body -> idle ...; refused
// is final. All fields but idle and used belong to the goroutine that serves the connection.
//
// It is also the task.Peer of every request on it: the scheduler asks it whether the client is
// still there.
type conn struct {
	net.Conn
	s    *Server
	from netip.AddrPort // the client's address

	inBody   bool
	left     int64        // of a body with Content-Length
	chunked  bool         // the body comes in chunks
	last     bool         // the client wants no answer after that of the current request
	chunk    http1.Chunks // follows them
	gathered bool         // body is the current request's, which fasthttp does not see
	body     memory.Buffer
	call     *call         // whose answer is being written; nil if none is
	ahead    memory.Buffer // read beyond a request
	taken    int           // bytes of ahead that have been served
	fresh    bool          // the latest bytes came from the socket, not from ahead
	refused  bool
	opening  opening       // of the current request
	allow    string        // methods that a refusal tells of
	shedOf   time.Duration // the budget of the latest request, if it was refused for want of capacity

	idle    atomic.Int64  // a clock.Instant: since when no byte of the next request has come; 0 if one has
	used    atomic.Bool   // bytes of a request have come
	now     clock.Instant // latest reading; saves one per idle wait
	arrived clock.Instant // first byte of the current request
	began   clock.Instant // first byte of a request that an event loop began to read; else 0
	readBy  clock.Instant // armed deadlines
	writeBy clock.Instant
}

var _ peer = (*conn)(nil)

func newConn(raw net.Conn, s *Server) *conn {
	c := &conn{Conn: raw, s: s, from: addressOf(raw), now: clock.Now()}
	c.idle.Store(int64(c.now))
	return c
}

// idleSince tells since when the connection waits for a request (0 if it does not wait), and whether it has had
// one. It may be called from any goroutine.
func (c *conn) idleSince() (since clock.Instant, used bool) {
	return clock.Instant(c.idle.Load()), c.used.Load()
}

// Read gives fasthttp the next bytes of the current request, checked.
func (c *conn) Read(p []byte) (int, error) {
	switch {
	case c.refused:
		return 0, errRefused
	case c.inBody:
		return c.readBody(p)
	}
	return c.readHead(p)
}

// readHead returns a whole header and what came with it of the body. fasthttp's buffer
// is empty between requests and larger than MaxHeaderBytes, so p holds any header.
func (c *conn) readHead(p []byte) (int, error) {
	c.written()
	c.letGo()
	c.opening.reset()
	for got := 0; ; {
		n, err := c.await(p[got:], got)
		if n == 0 && err != nil {
			c.opening.read(p[:got])
			return c.headFailed(got, err)
		}
		got += n
		for got >= 2 && p[0] == '\r' && p[1] == '\n' { // left over by a sloppy client
			got = copy(p, p[2:got])
		}
		if got == 0 || got == 1 && p[0] == '\r' {
			continue
		}
		h, f := scanHead(p[:got], &c.s.opt.Limits)
		if f == nil && h.Size == 0 {
			continue
		}
		c.opening.read(p[:got])
		used := 0
		if f == nil {
			got = h.CutExpectation(p, got)
			f = c.begin(h)
		}
		if f == nil {
			used, f = c.consume(p[h.Size:got])
		}
		if f == nil && c.inBody && h.Expects {
			f = c.meetExpectation(p[:h.Size])
		}
		if f == nil {
			f = c.keep(p[h.Size+used : got])
		}
		if f != nil {
			c.refuse(f)
			return 0, io.EOF
		}
		if c.inBody {
			c.setReadDeadline(c.s.opt.ReadTimeout)
		}
		if c.gathered {
			return c.gather(p, &h)
		}
		return h.Size + used, nil
	}
}

// await reads more of a header of which got bytes are there.
func (c *conn) await(p []byte, got int) (n int, err error) {
	if n = c.takeAhead(p); n > 0 {
		c.now = clock.Now()
		c.arrived = c.now
		if c.began != 0 {
			c.arrived, c.began = c.began, 0
		}
		return n, nil
	}
	c.fresh = true
	if got > 0 {
		if c.readBy.Sub(c.arrived) != c.s.opt.HeaderTimeout {
			c.now = c.arrived
			c.setReadDeadline(c.s.opt.HeaderTimeout)
		}
		return c.Conn.Read(p)
	}
	c.pause()
	c.armIdle()
	if c.used.Load() { // else since it was accepted
		c.idle.Store(int64(c.now))
	}
	n, err = c.Conn.Read(p)
	c.idle.Store(0)
	c.used.Store(true)
	c.now = clock.Now()
	c.arrived = c.now
	return n, err
}

// headFailed ends a connection whose client left or stalled before a whole header.
func (c *conn) headFailed(got int, err error) (int, error) {
	switch {
	case got == 0:
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.refuse(fault.Newf(fault.RequestTimeout, "the header did not come within %v (limits.header_timeout)", c.s.opt.HeaderTimeout))
	default:
		c.abandoned()
	}
	return 0, io.EOF
}

// begin accepts a framed header.
func (c *conn) begin(h http1.Request) *fault.Error {
	c.chunked, c.last = h.Body == http1.Chunked, h.Last
	c.inBody = h.Body != 0
	c.left = max(h.Body, 0)
	if c.chunked {
		c.chunk = http1.Chunks{MaxBody: c.s.opt.Limits.MaxBodyBytes}
	}
	c.gathered = c.chunked || h.Body > memory.Uncounted
	if h.Body > c.s.gateway.Bodies.Limit() {
		return c.s.gateway.NoRoomForBodies() // it is refused before any of it is read
	}
	return nil
}

// keep puts back bytes of the next request; clients that pipeline are rare. What came
// from ahead is still there: only bytes of the socket are copied, once.
func (c *conn) keep(next []byte) *fault.Error {
	switch {
	case len(next) == 0:
	case !c.fresh:
		c.taken -= len(next)
	default:
		c.ahead.Bytes, c.taken = c.ahead.Bytes[:0], 0
		if !c.ahead.Append(c.s.gateway.Bodies, next, len(next)) {
			return c.s.gateway.NoRoomForBodies()
		}
	}
	return nil
}

func (c *conn) takeAhead(p []byte) int {
	n := copy(p, c.ahead.Bytes[c.taken:])
	c.taken += n
	c.fresh = c.fresh && n == 0
	return n
}

// setReadDeadline gives the client d from now on.
func (c *conn) setReadDeadline(d time.Duration) {
	c.readBy = c.now.Add(d)
	_ = c.Conn.SetReadDeadline(time.Now().Add(d))
}

// armIdle keeps the idle deadline between one and one and a quarter IdleTimeouts away,
// so that a busy connection sets a timer every few seconds and not per request.
func (c *conn) armIdle() {
	idle := c.s.opt.IdleTimeout
	if left := c.readBy.Sub(c.now); left < idle || left > idle+idle/4 {
		c.setReadDeadline(idle + idle/4)
	}
}
