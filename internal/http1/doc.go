// Package http1 says where HTTP/1 messages begin and end: the heads of requests and answers, and
// chunked bodies. It owns no connection and does no I/O: it reads bytes that are there, and tells
// which of them belong to a message. Any package of the module may call it.
//
// ScanRequest is for a server that strangers reach. It refuses whatever two readers could
// understand differently, because the next one may be a proxy; a fuzz target holds it and Chunks against two
// other readers. Answer is for a client, and takes what servers send. CutLine, CutField and
// the words are for readers with rules of their own.
//
// Invariants:
//   - Nothing is allocated, and nothing is copied: what is returned are parts of the caller's bytes.
//   - A head or a body that is cut short is never taken for a whole one, and what follows it never
//     changes how it is read.
//   - What is refused is told as a Fault, which has no text: a server's answer names its own
//     limits.
package http1
