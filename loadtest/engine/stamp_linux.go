package engine

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// reader reads sockets, together with the instant at which the kernel got the last of the bytes
// (SO_TIMESTAMPNS). The kernel tells it by the wall clock, so the distance between the two
// clocks is measured every few milliseconds: nothing that adjusts the wall clock is noticed.
type reader struct {
	wall    int64 // the wall clock less the process's own, in nanoseconds
	message unix.Msghdr
	vector  unix.Iovec
	control [64]byte
}

// align measures the distance between the clocks.
func (r *reader) align() {
	before := clock.Now()
	wall := time.Now().UnixNano()
	after := clock.Now()
	r.wall = wall - int64(before+(after-before)/2)
}

// read does not block, so the runtime need not hear of it. The instant is 0 if the kernel does not say.
func (r *reader) read(fd int, b []byte) (n int, at clock.Instant, errno unix.Errno) {
	r.vector.Base = unsafe.SliceData(b)
	r.vector.SetLen(len(b))
	r.message = unix.Msghdr{Iov: &r.vector, Iovlen: 1, Control: &r.control[0]}
	r.message.SetControllen(len(r.control))
	for {
		got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.message)), unix.MSG_DONTWAIT)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return 0, 0, errno
		}
		return int(got), r.stamp(), 0
	}
}

// stamp is the instant in the control message.
func (r *reader) stamp() clock.Instant {
	const head = unix.SizeofCmsghdr
	if int(r.message.Controllen) < head+int(unsafe.Sizeof(unix.Timespec{})) {
		return 0
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&r.control[0]))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS {
		return 0
	}
	t := (*unix.Timespec)(unsafe.Pointer(&r.control[head]))
	return clock.Instant(t.Nano() - r.wall)
}
