// Package stub is the fault server: an HTTP/1.1 server that behaves exactly as it is told and
// knows what it did. It is the instrument against which the load tester is proven, so its
// faults are counted and never left to chance where a count is wanted, and its delays are
// instants that it computes, not times that it happened to take.
//
// It is one thread with its own sockets, poller and timers, which owns all its state; Start
// starts it and Close waits for it. Other goroutines ask the thread for its counts, between
// two events, so that an answer that somebody has read is in them. Nothing is allocated per
// request in the steady state.
//
// It speaks the Open Inference Protocol, as a server with one model, stub, whose answer is a
// pure function of the input (appendAnswer), and besides GET /stub, its Counts, and POST /stub/begin,
// which starts the clock of stalls anew.
//
// Invariants:
//   - An answer is never sent before its instant.
//   - A connection's requests are read and answered one after the other: what is pipelined
//     behind a request waits in its buffer.
//   - Accepted = Answered + Lost + Dropped + Closed + Gone + InFlight, at any time.
//   - Each kind of fault with an exact count takes the N-th, 2N-th, ... of the requests that
//     no kind before it has taken, in the order lose, drop, corrupt, repeat, swap. So no
//     request has two faults. Requests that are refused (400, a drawn status, a full queue) or
//     closed by chance are not counted.
//   - A swap is always one that can be seen: the two requests have different answers.
package stub
