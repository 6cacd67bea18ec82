package loop

import (
	"net"
	"testing"
	"time"
)

// Connections that are in the backlog when the server stops are accepted, however many there are and
// however late the server comes to it, and none joins them.
func TestShutdownEmptiesTheBacklog(t *testing.T) {
	plain := net.ListenConfig{}
	plain.SetMultipathTCP(false) // which takes no filter
	ln, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	const clients = 30
	for range clients {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	RefuseHandshakes(ln)
	for n := range clients {
		if !ConnectionWaits(ln) {
			t.Fatalf("%d connections were accepted, and no other waits", n)
		}
		_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(time.Second))
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if ConnectionWaits(ln) {
		t.Error("there are more connections than clients")
	}
	late := net.Dialer{Timeout: 100 * time.Millisecond}
	if c, err := late.Dial("tcp", ln.Addr().String()); err == nil {
		c.Close()
		t.Error("a connection joined the backlog after the end")
	}
}
