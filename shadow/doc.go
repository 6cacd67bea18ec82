// Package shadow sends a share of the live requests to candidate versions as well, and hands pairs of answers to whoever
// compares them. Live answers neither wait for it nor change. It owns the copy of what is mirrored (ring), the processes of the
// candidates, and the account of what came of each mirrored request. It knows neither the gateway nor the registry:
// what joins the parts tells it which candidates there are (Follow), what was answered (Offer), and how busy the live
// queues are (Live).
//
// A request's way: Offer, on the request path, hashes the unit with a salt of its own and copies a sampled request into the ring
// of each candidate, or drops it and counts why. A sender takes the oldest while no live request waits, asks the
// candidate's process, and hands both answers to the Study.
//
// A candidate of the mode Pipeline gets what the client sent, and fills its inputs from the stores itself. Then it is asked again, with
// the inputs that the primary ran with: so the effect of its features can be told from that of its model.
//
// A candidate runs in a process of the same program, with the lowest priority. It dies with this one. One that crashes, hangs, or
// takes more memory than it may is ended and started again, after a pause that doubles. One that is far too slow for what
// is mirrored, or that costs live requests more than it may, is stopped until somebody begins it again.
//
// States of a candidate's process:
//
//	starting --> up --> waiting (backoff) --> starting
//	    |         |
//	    +---------+--> stopped (for a reason)
//
// Freezing (Freeze, Thaw) goes across these: while everything is frozen nothing is mirrored, and the processes are halted by SIGSTOP.
//
// Invariants:
//   - Offer allocates nothing in the steady state, and never waits: it takes the ring's lock only if it is free.
//   - seen = compared + dropped + failed + waiting at every moment; waiting is 0 after Close.
//   - Nothing of a request is kept after Offer but the copy, and nothing of a Pair may be kept after Study.Add.
//   - A Study is called by one goroutine at a time.
//   - Close waits for every goroutine and every process.
package shadow
