package loop

import (
	"net"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/http1"
	"sluice/internal/memory"
)

// Options are what event loops need. All but Workers are required.
type Options struct {
	Workers        int            // goroutines that serve connections, in all loops together; 0 for no loops
	MaxConnections int            // at once
	Head           http1.Limits   // of a request's head
	IdleTimeout    time.Duration  // how long a connection may wait for its next request
	Bodies         *memory.Budget // pays for what is kept of requests that have not come whole
	Log            *zap.Logger

	// Run is called by workers after they have begun with what had come: it runs what can be run at once. more
	// says that there is more to run and that it waits for the next call; busy is how long what comes in next
	// could not be run anyway.
	Run func() (more bool, busy time.Duration)
	// OnWorker is called first on the goroutine of each worker.
	OnWorker func(worker int)
	// Accepted reports that the last connection has come: the workers end with it.
	Accepted func() bool
	// Quiet reports whether a connection has been idle for so long that CutIdle closes it; used says that it has
	// had a request.
	Quiet func(idle time.Duration, used bool) bool
}

// Front is the front end: it serves the requests.
type Front interface {
	// Begin starts on a request that has come on k: ctx has it, and gets its answer. The bytes are the worker's
	// own again when Begin returns. answered says that the answer is there; otherwise the request is pending
	// until Socket.Ended.
	Begin(k *Socket, ctx *fasthttp.RequestCtx, arrived clock.Instant) (r Request, answered bool)
	// HandOver gives the front end a connection that is the loop's no longer.
	HandOver(c Connection)
	// Closed tells of a connection that has ended.
	Closed()
}

// Request is a request that the front end has begun.
type Request interface {
	// Conclude writes the answer of a request that was pending to ctx. It is false if the request is pending again, until another
	// Socket.Ended.
	Conclude(ctx *fasthttp.RequestCtx) (answered bool)
	// Sent tells that the answer has been handed to the kernel.
	Sent()
	// End tells that the answer has been written, or cannot be.
	End()
}

// Connection is a connection that a loop gives up.
type Connection struct {
	net.Conn
	From  netip.AddrPort // the client's address, also if the client has left
	Used  bool           // it has had a request
	Kept  []byte         // what has been read of the next requests; the loop's own again after HandOver
	Since clock.Instant  // when the first byte of Kept came
	Rest  *Rest          // nil if no answer is being written
}

// Rest is what is left to write of an answer.
type Rest struct {
	Request Request // whose answer it is, and who ends it; nil if it has ended
	Head    []byte  // and the body, if that is not large
	Body    []byte  // belongs to Request
	Last    bool    // the connection ends with it
}

// MaxBody is the largest body that an event loop reads.
const MaxBody = 64 << 10
