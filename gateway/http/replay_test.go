package httpfront

import (
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"sluice/gateway"
)

// replay is a connection that sends the same request over and over and takes the answers.
type replay struct {
	net.Conn
	raw   []byte
	left  int
	wrote int
}

func (r *replay) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	r.left--
	return copy(p, r.raw), nil
}
func (r *replay) Write(p []byte) (int, error)      { r.wrote += len(p); return len(p), nil }
func (r *replay) Close() error                     { return nil }
func (r *replay) SetDeadline(time.Time) error      { return nil }
func (r *replay) SetReadDeadline(time.Time) error  { return nil }
func (r *replay) SetWriteDeadline(time.Time) error { return nil }
func (r *replay) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (r *replay) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// binarySimple is a binary request for the simple model.
func binarySimple() (body string, headers map[string]string) {
	header := `{"parameters":{"binary_data_output":true},` + inputs(input("INPUT0", "INT32", "[1,16]", blob64), input("INPUT1", "INT32", "[1,16]", blob64)) + "}"
	return header + string(count(1)) + string(count(7)), map[string]string{"Inference-Header-Content-Length": strconv.Itoa(len(header))}
}

func newServer(t testing.TB) *Server {
	return made(t, fixtures(), nil)
}

// setup is a server's options with those of its gateway.
type setup struct {
	Options
	Core gateway.Options
}

// made is a server that does not listen yet.
func made(t testing.TB, models *fakeModels, change func(*setup)) *Server {
	t.Helper()
	o := setup{Core: gateway.Options{Models: models}}
	if change != nil {
		change(&o)
	}
	s, err := o.make()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (o *setup) make() (_ *Server, err error) {
	if o.Core.Log == nil {
		o.Core.Log = o.Log
	}
	if o.Gateway, err = gateway.New(o.Core); err != nil {
		return nil, err
	}
	return New(o.Options)
}
