package httpfront

import (
	"sluice/gateway"
	"sluice/internal/task"
)

// Event loops. A connection whose requests are small and plain, which is nearly every one of a
// prediction client, is served by an event loop: a few workers, goroutines that wait for many
// sockets together. A worker reads what has come on several of them, submits it, runs a short
// batch itself (Options.Run), and writes the answers that are ready, its own or others'. So a
// request costs one read, one write and mostly no wake-up of a goroutine or a thread, and
// requests that come together share a batch. While every lane is busy for long the workers nap
// and leave the processor to the runs.
//
// All of a loop's sockets and ended requests are any worker's, so that one that the kernel has
// stopped holds up only the few that it has in hand. What happens to a socket (bytes, a
// client that leaves, an answer) is a note on it; whoever leaves the first note deals with it
// and with those that come meanwhile, so that a socket needs no lock (socket_linux.go).
//
// Everything else is left to a goroutine of the connection's own (conn.go), for good: bodies
// that are large, compressed, chunked or expected, methods but GET, HEAD and POST, odd targets, answers that
// the socket does not take at once, requests that come in slowly, and every fault of framing.
// So each of these is dealt with in one place, and none can hold up a worker.

var _ gateway.Front = (*loop)(nil)

// Ready is called by the gateway, on any goroutine.
func (l *loop) Ready(x *gateway.Exchange) task.Waker {
	l.ended(x.Origin.(*call))
	return l
}

// Submitted has a worker run what was submitted from elsewhere.
func (l *loop) Submitted() { l.news() }
