// Package engine sends prepared requests at planned instants and keeps a sample of each: an
// open- or closed-loop load generator of one thread, which owns its sockets and its clock. It
// knows HTTP/1.1 and nothing of what the bytes mean; payloads and checkers come from outside.
//
// The thread is one loop: notice what is due, write it, wait, read what has come. An arrival
// without a free connection waits in the engine, and its clock runs: latency counts from the
// intended instant, whatever the server does. Nothing is sent beyond the plan; after a stall
// what is late goes out at once, in order.
//
// How it waits depends on the load (see wait). Where arrivals are far apart it sleeps until
// shortly before the next one and then looks without sleeping, which makes instants exact to a
// few microseconds; where they are close together it sleeps until a little after the next one and
// sends what has fallen due together, so that a request costs less CPU time the more there are.
// How late that makes it is in each sample: PacerLag. Answers are timed by when the kernel got
// them, and may be left unread until then.
//
// Invariants. A request ends exactly once, with one outcome; at the end of a run every arrival
// that was noticed has ended. A connection carries one request at a time. Nothing is allocated
// per request once connections and buffers have grown.
package engine
