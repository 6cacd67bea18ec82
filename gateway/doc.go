// Package gateway is the HTTP edge: it reads requests strictly, finds the route and
// the model, decodes, waits for the scheduler, and writes the answer. It owns every
// byte of HTTP and no decision about batches or devices.
//
// The flow of a prediction is predict.go, top to bottom: its deadline, whether admission lets it in
// before it is decoded (timeout.go), its body without its coding (inflate.go), the model, the
// answer. Around it:
//
//   - loop.go says how event loops serve connections of small, plain requests
//     (worker_linux.go, socket_linux.go, plain_linux.go), and what they leave to others.
//   - conn.go wraps each other connection, which has a goroutine. It checks the framing of
//     every request before the HTTP library sees a byte (internal/http1), hands over
//     one request at a time, and answers what cannot be framed itself (refuse.go).
//     It reads all but the smallest bodies itself (bodies.go).
//   - buffer.go is the memory that requests hold: counted against a budget of all requests before it is
//     taken, as bodies, as inputs, or as outputs and answers, and pooled by size.
//     expect.go answers clients that wait before they send a body.
//   - requestid.go gives every request the id that its answer and the log carry, and access.go
//     offers each to the access log.
//   - drain.go stops a server so that no request is lost that a client has written.
//   - routes.go is the table of all routes with their class; the predict port serves
//     public and infer routes, the admin port (admin.go) the admin ones. Nothing on
//     the predict port changes the server.
//   - faults.go maps each fault kind to its status, in one place. causes.go logs why a
//     prediction failed where the client is not told.
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
// Only cmd/sluice may import this package. It joins Models, Control, Observer and
// Recorder to the registry, the scheduler, the metrics and the trace.
package gateway
