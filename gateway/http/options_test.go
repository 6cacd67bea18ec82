package httpfront

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/gateway"
)

// Every fault of the options is said, with the value and the range.
func TestOptions(t *testing.T) {
	f := func(change func(*setup), want ...string) {
		t.Helper()
		o := setup{Core: gateway.Options{Models: newFakeModels()}}
		change(&o)
		_, err := o.make()
		if len(want) == 0 {
			if err != nil {
				t.Errorf("got %v", err)
			}
			return
		}
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v does not say %q", err, part)
			}
		}
	}
	f(func(*setup) {})
	f(func(o *setup) { o.BasePath = "/eu" })
	f(func(o *setup) { o.Core.Models = nil }, "without Models")
	f(func(o *setup) { o.BasePath = "eu" }, `"eu"`)
	f(func(o *setup) { o.BasePath = "/eu/" }, `"/eu/"`)
	f(func(o *setup) { o.Limits.MaxBodyBytes = -1 }, "MaxBodyBytes is -1", "from 1 to")
	f(func(o *setup) { o.Core.Limits.MaxBodiesBytes = 5 }, "MaxBodyBytes is 67108864; it must be at most the gateway's MaxBodiesBytes, 5")
	f(func(o *setup) { o.Core.Limits.MaxInflatedBytes = -1 }, "MaxInflatedBytes is -1", "from 1 to")
	f(func(o *setup) { o.Limits.MaxHeaderBytes, o.Limits.MaxURIBytes = 10, 10 }, "MaxHeaderBytes is 10", "MaxURIBytes is 10")
	f(func(o *setup) { o.Limits.MaxURIBytes = 9000 }, "MaxURIBytes is 9000; it must be from 64 to 8192")
	f(func(o *setup) { o.IdleTimeout, o.WriteTimeout = -time.Second, -1 }, "IdleTimeout", "WriteTimeout")

	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "without a Gateway") {
		t.Errorf("got %v", err)
	}
}

// poor is a listener that fails before it gives its connections.
type poor struct {
	net.Listener
	failures int
}

func (p *poor) Accept() (net.Conn, error) {
	if p.failures > 0 {
		p.failures--
		return nil, errors.New("too many open files")
	}
	return p.Listener.Accept()
}

// Running out of descriptors for a while does not end the server; a listener that
// somebody else closed does, and says so.
func TestAcceptFailures(t *testing.T) {
	s := newServer(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(&poor{ln, 3}) }()
	e := &edge{t: t, server: s, addr: ln.Addr().String()}
	e.good()
	_ = ln.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln); err != nil { // too late, and no fault
		t.Fatal(err)
	}
}
