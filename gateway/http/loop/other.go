//go:build !linux

package loop

import (
	"net"
	"net/netip"
	"time"

	"sluice/internal/task"
)

// Event loops are made of Linux's epoll. Elsewhere each connection has its goroutine, and connections that nobody
// has accepted are reset with the listener.

// Group has no loops.
type Group struct{}

// New makes a group that takes no connection.
func New(Options, Front) *Group { return &Group{} }

func (*Group) Start()                             {}
func (*Group) Take(net.Conn, netip.AddrPort) bool { return false }
func (*Group) CutIdle()                           {}
func (*Group) CutAll()                            {}
func (*Group) Wait()                              {}

// Socket does not occur.
type Socket struct{}

func (*Socket) Gone() bool              { return false }
func (*Socket) Address() netip.AddrPort { return netip.AddrPort{} }
func (*Socket) Shed(time.Duration)      {}
func (*Socket) Ended() task.Waker       { return nil }
func (*Socket) Submitted()              {}

func StampArrivals(net.Listener)        {}
func BoundUnsent(net.Conn)              {}
func RefuseHandshakes(net.Listener)     {}
func ConnectionWaits(net.Listener) bool { return false }
