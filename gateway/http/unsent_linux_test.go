package httpfront

import (
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Of an answer that a client does not read the kernel keeps a part of a megabyte, on event loops and
// on goroutines.
func TestUnsentBytesAreBounded(t *testing.T) {
	e := serve(t, fixtures(), nil)
	body := strings.Repeat("\x00", 16<<20)
	c := e.dial()
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	_, _ = io.WriteString(c, toRaw+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	queued := 0
	e.eventually("the answer is being written", func() bool {
		e.server.mu.Lock()
		defer e.server.mu.Unlock()
		for at := range e.server.mu.conns {
			control, err := at.Conn.(syscall.Conn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			_ = control.Control(func(fd uintptr) { queued, _ = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
		}
		return queued > 0
	})
	if queued > 1<<20 {
		t.Errorf("the kernel keeps %d bytes", queued)
	}
}
