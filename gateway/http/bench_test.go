//go:build !race

package httpfront

import (
	"bufio"
	"net"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"

	"sluice/gateway/http/wire"
)

func BenchmarkScanHead(b *testing.B) {
	s := newServer(b)
	raw := []byte(rawBinary())
	for b.Loop() {
		if _, f := scanHead(raw, &s.opt.Limits); f != nil {
			b.Fatal(f)
		}
	}
}

func BenchmarkHandle(b *testing.B) {
	s := newServer(b)
	body, headers := binarySimple()
	ctx := requestCtx(newConn(nil, s), body, headers)
	for b.Loop() {
		ctx.Response.Reset()
		s.handle(ctx)
	}
}

func BenchmarkRoute(b *testing.B) {
	r := newRouter("", predictRoutes)
	path := []byte("/v2/models/simple/versions/1/infer")
	for b.Loop() {
		var p params
		if r.find(path, &p) == nil {
			b.Fatal("not found")
		}
	}
}

// The whole edge without a socket, beside a bare fasthttp handler that answers with as
// many bytes: the difference is what the gateway costs.
func BenchmarkConnection(b *testing.B) {
	raw := []byte(rawBinary())
	b.Run("gateway", func(b *testing.B) {
		s := newServer(b)
		c := newConn(&replay{raw: raw, left: b.N}, s)
		b.ReportAllocs()
		b.ResetTimer()
		if err := s.http.ServeConn(c); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("bare", func(b *testing.B) {
		answer := make([]byte, 350)
		s := fasthttp.Server{
			ReadBufferSize: 16 << 10, WriteBufferSize: 16 << 10, NoDefaultDate: true, NoDefaultServerHeader: true, DisablePreParseMultipartForm: true,
			Handler: func(ctx *fasthttp.RequestCtx) { ctx.Response.SetBody(answer) },
		}
		b.ReportAllocs()
		b.ResetTimer()
		if err := s.ServeConn(&replay{raw: raw, left: b.N}); err != nil {
			b.Fatal(err)
		}
	})
}

// Over loopback, one connection.
func BenchmarkLoopback(b *testing.B) {
	s := newServer(b)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(ln) })
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	raw, r := []byte(rawBinary()), bufio.NewReader(c)
	var resp fasthttp.Response
	for b.Loop() {
		if _, err := c.Write(raw); err != nil {
			b.Fatal(err)
		}
		if err := resp.Read(r); err != nil || resp.StatusCode() != 200 {
			b.Fatal(err, resp.StatusCode())
		}
	}
	_ = c.Close()
	_ = s.Close()
	running.Wait()
}

// BenchmarkRequestID is what an id costs a request that brings none.
func BenchmarkRequestID(b *testing.B) {
	var id []byte
	for b.Loop() {
		id = wire.AppendRequestID(id[:0], nil)
	}
}
