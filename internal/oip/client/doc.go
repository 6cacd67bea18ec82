// Package client is the client's side of the Open Inference Protocol: infer requests as a client writes
// them, answers and documents as it reads them, and small valid requests for a schema. Load
// tester, traces and tests use it; the server does not.
//
// A Response is reused like a server's Request: it belongs to one goroutine at a time, keeps its memory,
// and its binary outputs are views of the body. The steady state of reading answers allocates
// nothing.
package client
