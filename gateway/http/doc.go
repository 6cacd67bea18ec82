// Package httpfront is the HTTP front end of the gateway: it reads requests strictly, finds the route, brings
// predictions to the gateway as exchanges, and writes the answers. It owns every byte of HTTP on the predict port and
// no decision about models, batches or devices.
//
// infer.go turns a request into an exchange and an exchange into an answer. Around it:
//
//   - gateway/http/loop serves connections of small, plain requests with event loops, and hands over all others.
//     loops.go is where the two meet.
//   - conn.go and conn_answer.go wrap each other connection, which has a goroutine. They
//     check the framing of every request before the HTTP library sees a byte (internal/http1, framing.go), hand over
//     one request at a time, and answer what cannot be framed themselves (refuse.go).
//     They read all but the smallest bodies themselves (bodies.go).
//   - handler.go serves one request, and call.go is what it needs until its answer has been written.
//     expect.go answers clients that wait before they send a body.
//   - access.go offers each request to the access log.
//   - drain.go stops a server so that no request is lost that a client has written.
//   - routes.go is the table of all routes with their class. Nothing on this port changes the
//     server; the admin port does (gateway/http/admin).
//   - gateway/http/wire has what both ports say in the same way: ids, and faults with their statuses.
//
// States of a Server: serving -> draining (BeginDrain: not ready, every answer closes
// its connection) -> stopping (Shutdown: no new connections, running requests end)
// -> closed. No state is left backwards.
//
// Invariants: an infer request that was read whole gets exactly one answer; every answer has
// the request's id; nothing of a fasthttp.RequestCtx is kept after its handler returns; no lock
// is held while a request runs; the binary path allocates nothing per request in steady state.
//
// Why a checking connection. fasthttp accepts framings that a proxy in front may read
// differently (both lengths, folded headers, any version), reports the rest as untyped
// errors, and takes memory for a body as soon as it is announced; library_test.go has the
// list, held against the version in use. Looking at the raw
// headers in the handler is too late, since the body has been read by then; its
// HeaderReceived hook cannot refuse; and neither sees chunks. Between the socket and
// fasthttp everything is seen once, for about 0.15 µs per request. The loops look at the
// head in the same way, and keep only requests without any of this.
//
// Only what joins the parts may import this package. It joins Gateway and Observer to the models, the scheduler and
// the metrics.
package httpfront
