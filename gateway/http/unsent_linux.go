package httpfront

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostUnsent is how much of an answer the kernel takes before it can send it. Without a bound it keeps
// some megabytes for each client that does not read, which count against a control group.
const mostUnsent = 256 << 10

// boundUnsent bounds what the kernel keeps for a client that reads slowly.
func boundUnsent(raw net.Conn) {
	sc, ok := raw.(syscall.Conn)
	if !ok {
		return
	}
	control, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = control.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, mostUnsent)
	})
}
