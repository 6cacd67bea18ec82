//go:build !linux

package stub

import "errors"

// Server is a running fault server. There is none but on Linux.
type Server struct{}

// Start fails: the server is built on Linux's poller.
func Start(Options) (*Server, error) {
	return nil, errors.New("cannot start the fault server: it needs Linux")
}

// Addr is where the server listens.
func (*Server) Addr() string { return "" }

// Begin starts the clock of stalls anew.
func (*Server) Begin() {}

// Counts is what the server has done so far.
func (*Server) Counts() Counts { return Counts{} }

// Close ends the server.
func (*Server) Close() error { return nil }
