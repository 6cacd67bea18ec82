//go:build !linux

package httpfront

import "net"

// Event loops are made of Linux's epoll; elsewhere each connection has its goroutine.

type loop struct{}

type socket struct{}

const (
	cutIdle uint32 = iota
	cutAll
)

func (l *loop) post(uint32) {}
func (l *loop) ended(*call) {}
func (l *loop) Wake()       {}
func (l *loop) news()       {}

func stampArrivals(net.Listener)          {}
func (s *Server) startLoopsLocked()       {}
func (s *Server) loopTakes(net.Conn) bool { return false }
