package gateway

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// Every fault of the options is said, with the value and the range.
func TestOptions(t *testing.T) {
	f := func(change func(*Options), want ...string) {
		t.Helper()
		opt := Options{Models: newFakeModels()}
		change(&opt)
		_, err := New(opt)
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
	f(func(*Options) {})
	f(func(o *Options) { o.BasePath = "/eu" })
	f(func(o *Options) { o.Models = nil }, "without Models")
	f(func(o *Options) { o.BasePath = "eu" }, `"eu"`)
	f(func(o *Options) { o.BasePath = "/eu/" }, `"/eu/"`)
	f(func(o *Options) { o.Limits.MaxBodyBytes = -1 }, "MaxBodyBytes is -1", "from 1 to")
	f(func(o *Options) { o.Limits.MaxBodiesBytes = 5 }, "MaxBodiesBytes is 5; it must be from 67108864")
	f(func(o *Options) { o.Limits.MaxHeaderBytes, o.Limits.MaxURIBytes = 10, 10 }, "MaxHeaderBytes is 10", "MaxURIBytes is 10")
	f(func(o *Options) { o.Limits.MaxURIBytes = 9000 }, "MaxURIBytes is 9000; it must be from 64 to 8192")
	f(func(o *Options) { o.IdleTimeout, o.WriteTimeout = -time.Second, -1 }, "IdleTimeout", "WriteTimeout")

	for _, opt := range []AdminOptions{{}, {Models: newFakeModels()}, {Models: newFakeModels(), Control: newFakeModels()}} {
		if _, err := NewAdmin(opt); err == nil {
			t.Errorf("an admin port was made of %+v", opt)
		}
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
