package httpfront

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// A connection on which nothing has come yet when Shutdown begins is read once: its client may have
// connected a moment ago. So is one that nobody had accepted, and one that has just had an answer.
func TestShutdownWaitsForTheFirstRequest(t *testing.T) {
	for _, kind := range []string{"new", "in the backlog", "just answered"} {
		t.Run(kind, func(t *testing.T) {
			e := serve(t, fixtures(), nil)
			request := post(simpleInfer, simpleBody(""))
			c := e.dial()
			r := bufio.NewReader(c)
			switch kind {
			case "new":
				e.eventually("it is accepted", func() bool { return e.seen.connections() == 1 })
			case "just answered":
				if a := e.exchange(c, r, request); a.status != 200 || a.close {
					t.Fatalf("got %d, close %v", a.status, a.close)
				}
			}
			down := make(chan error, 1)
			go func() { down <- e.server.Shutdown(context.Background()) }()
			e.eventually("it stops", e.server.accepted.Load)
			if a := e.exchange(c, r, request); a.status != 200 || !a.close {
				t.Errorf("got %d, close %v", a.status, a.close)
			}
			_ = c.Close()
			if err := <-down; err != nil {
				t.Error(err)
			}
		})
	}
}

// A client that has sent a second request behind the one whose answer ends the connection reads that
// answer: a socket that is closed with bytes unread is reset.
func TestLastAnswerIsNotReset(t *testing.T) {
	e := serve(t, fixtures(), nil)
	e.server.BeginDrain()
	request := post(simpleInfer, simpleBody(""))
	c := e.dial()
	if _, err := io.WriteString(c, request+request+request); err != nil {
		t.Fatal(err)
	}
	e.eventually("it is answered", func() bool {
		n := 0
		if raw, err := c.(*net.TCPConn).SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		}
		return n > 0
	})
	if _, err := io.WriteString(c, request); err != nil { // to a closed socket: a reset
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if a, err := readAnswer(r); err != nil || a.status != 200 || !a.close {
		t.Fatalf("got %d, close %v, %v", a.status, a.close, err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("behind the last answer: %v, want its end", err)
	}
	_ = c.Close()
}
