package httpfront

import (
	"errors"
	"syscall"
)

// Gone reports whether the client has closed the connection: end of file can be read
// although a request is still being served. A client that only half-closes its side
// counts as gone too, as in most servers; one that left behind bytes of a further
// request does not, since the end of file is behind them. It may be called from any goroutine, also
// after the request.
func (c *conn) Gone() bool {
	n, err := c.peek()
	return n == 0 && err == nil || err != nil && !errors.Is(err, syscall.EAGAIN)
}

// Pending reports whether bytes wait to be read.
func (c *conn) Pending() bool {
	n, err := c.peek()
	return err == nil && n > 0
}

// peek looks at the socket's next byte without waiting and without taking it. A connection that is
// not a socket has none yet.
func (c *conn) peek() (n int, err error) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0, syscall.EAGAIN
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var one [1]byte
	failed := raw.Control(func(fd uintptr) {
		n, _, err = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	if failed != nil {
		return 0, failed
	}
	return n, err
}
