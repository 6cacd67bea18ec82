package main

import (
	"flag"
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"
)

// ceiling is the HTTP ceiling: a server that reads the body and writes an answer of a
// given size, with the HTTP library that the gateway is built on. Nothing that speaks
// HTTP with that library can be cheaper.
func ceiling(args []string) error {
	flags := flag.NewFlagSet("ceiling", flag.ExitOnError)
	listen := flags.String("listen", "", "address")
	body := flags.Int("body", 0, "bytes of the answer's body")
	total := flags.Int("total", 0, "bytes of the answer with its head")
	if err := flags.Parse(args); err != nil {
		return err
	}
	const date = "Mon, 02 Jan 2006 15:04:05 GMT"
	bare := fmt.Sprintf("HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\nX-Fill: \r\n\r\n", date, *body)
	fill := strings.Repeat("x", max(1, *total-*body-len(bare)))
	answer := make([]byte, *body)
	s := fasthttp.Server{
		NoDefaultServerHeader: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			if ctx.IsGet() {
				return // asked whether it is ready
			}
			if len(ctx.PostBody()) == 0 {
				ctx.SetStatusCode(fasthttp.StatusBadRequest)
				return
			}
			ctx.SetContentType("application/octet-stream")
			ctx.Response.Header.Set("X-Fill", fill)
			ctx.Response.SetBodyRaw(answer)
		},
	}
	return s.ListenAndServe(*listen)
}

// ceilingFor starts the ceiling with answers of the size that the gateway's have.
func (b *bench) ceilingFor(r request, gateway *process) (*process, error) {
	shape, err := ask(r, gateway.addr)
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := b.serve("ceiling", addr, "/", b.self, "ceiling", "-listen", addr,
		"-body", fmt.Sprint(shape.body), "-total", fmt.Sprint(shape.total))
	if err != nil {
		return nil, err
	}
	// The gateway's answers vary by a few bytes with the times that they tell.
	own, err := ask(r, addr)
	if err != nil {
		return nil, err
	}
	if own.body != shape.body || own.total-shape.total > 64 || shape.total-own.total > 64 {
		p.stop()
		return nil, fmt.Errorf("the ceiling's answer is %+v, the gateway's %+v", own, shape)
	}
	return p, nil
}
