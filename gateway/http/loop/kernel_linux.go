package loop

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostUnsent is how much of an answer the kernel takes before it can send it. Without a bound it keeps
// some megabytes for each client that does not read, which count against a control group.
const mostUnsent = 256 << 10

// BoundUnsent bounds what the kernel keeps for a client that reads slowly.
func BoundUnsent(raw net.Conn) {
	onDescriptor(raw, func(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, mostUnsent) })
}

// A listener's backlog are the connections that the kernel has completed and nobody has accepted. They are
// reset with the listener.

// onlyHandshakes drops segments that ask for a new connection (SYN without ACK) and lets all others
// through. The byte of flags is the 14th of a TCP header.
var onlyHandshakes = [...]unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jt: 0, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
}

// RefuseHandshakes lets no new connection join the backlog, so that accepting all of it leaves none
// behind. The client's system asks again after a second, and is refused by then. Where the kernel
// cannot (a socket of multipath TCP takes no filter), a connection that comes in the moment before the
// listener is closed is lost.
func RefuseHandshakes(ln net.Listener) {
	onDescriptor(ln, func(fd int) {
		_ = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(onlyHandshakes)), Filter: &onlyHandshakes[0]})
	})
}

// ConnectionWaits reports whether the backlog holds a connection.
func ConnectionWaits(ln net.Listener) (waits bool) {
	onDescriptor(ln, func(fd int) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		waits = n == 1 && err == nil
	})
	return waits
}

// onDescriptor does something with a socket, if it is one and open.
func onDescriptor(of any, do func(fd int)) {
	if sc, ok := of.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { do(int(fd)) })
		}
	}
}
