// Package loop serves the connections of small, plain requests with event loops. It owns their sockets, reads
// requests, and writes answers. It knows connections and bytes, and no route and no model: the front end knows what
// a request is for (Front, Request).
//
// A loop is a few workers: goroutines that wait for many sockets together. A worker reads what has come on several
// of them, has the front end begin with it, runs a short batch itself (Options.Run), and writes the answers that
// are ready, its own and others'. So a request costs one read, one write and mostly no wake-up of a goroutine or a
// thread, and requests that come together share a batch. While every lane is busy for long the workers nap and
// leave the processor to the runs.
//
// All sockets of a loop belong to all of its workers, and so do the requests that have ended. A worker that the
// kernel stops holds up only the few that it has in hand. What happens to a socket (bytes, a client that leaves, a
// request that ends) is a note on it. Whoever leaves the first note deals with it and with those that come
// meanwhile, so that a socket needs no lock (socket_linux.go).
//
// Everything else is handed over to the front end, for good: bodies that are large, compressed, chunked or expected,
// methods but GET, HEAD and POST, odd targets, answers that the socket does not take at once, requests that come in
// slowly, and every fault of framing. So each of these is dealt with in one place, and none can hold up a worker.
//
// In the order of a request:
//
//   - group_linux.go shares connections out to loops. loop_linux.go is a loop with what its workers share.
//   - worker_linux.go is a worker's round.
//   - socket_linux.go is a socket and its notes, life_linux.go its way into the loop and out of it.
//   - plain_linux.go goes from bytes to a request, and from an answer to bytes.
//   - yield.go, elastic.go and held_linux.go keep cheap answers from the processor time of the runs.
//   - arrival_linux.go tells when a request has come, and kernel_linux.go sets what the kernel keeps for connections
//     and listeners. On systems other than Linux there are no loops (other.go).
//
// Invariants: a socket has at most one request at a time; each Request is ended exactly once, by the loop or by
// whom its connection was handed over to; nothing is allocated per request in steady state; no lock is held
// while the front end is called.
//
// Only the front end may import this package.
package loop
