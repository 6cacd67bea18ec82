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
	code := flags.Int("status", fasthttp.StatusOK, "status of the answers")
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
			ctx.SetStatusCode(*code)
			ctx.SetContentType("application/octet-stream")
			ctx.Response.Header.Set("X-Fill", fill)
			ctx.Response.SetBodyRaw(answer)
		},
	}
	return s.ListenAndServe(*listen)
}

// duel starts the gateway of a model, and the ceiling for its requests.
func (b *bench) duel(model string, k kind) (gateway asked, limit aim, err error) {
	if gateway, err = b.ask(model, k); err == nil {
		limit, err = b.ceilingFor(gateway)
	}
	return gateway, limit, err
}

// ceilingFor starts the ceiling for the gateway's requests, with answers of the size that the
// gateway's have.
func (b *bench) ceilingFor(gateway asked) (aim, error) {
	shape, err := askWell(gateway.addr, gateway.wire)
	if err != nil {
		return aim{}, err
	}
	to, err := b.bare("ceiling", gateway, "-body", fmt.Sprint(len(shape.body)), "-total", fmt.Sprint(shape.total))
	if err != nil {
		return aim{}, err
	}
	// The gateway's answers vary by a few bytes with the times that they tell.
	own, err := askWell(to.addr, gateway.wire)
	if err != nil {
		return aim{}, err
	}
	if len(own.body) != len(shape.body) || own.total-shape.total > 64 || shape.total-own.total > 64 {
		to.stop()
		return aim{}, fmt.Errorf("the ceiling's answer has %d bytes, %d with its head; the gateway's %d and %d", len(own.body), own.total, len(shape.body), shape.total)
	}
	return to, nil
}

// bare starts a server without a gateway, which is to be sent the same requests.
func (b *bench) bare(name string, gateway asked, args ...string) (aim, error) {
	path, err := b.template(gateway)
	if err != nil {
		return aim{}, err
	}
	p, err := b.serve(name, "/", b.self, append([]string{"ceiling"}, args...)...)
	return aim{p, []string{"--template", path, "--no-verify"}}, err
}
