package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/internal/http1"
	"sluice/loadtest/payload"
)

// kind is how a model is asked, one row a request.
type kind struct {
	protocol payload.Protocol
	budget   time.Duration // 0: the server's own
	variants int           // 0: the load tester's usual number
	// draw and compare are flags of the load tester: how rows are drawn, and how their answers are
	// compared.
	draw, compare []string
}

// The rows are of ordinary numbers, uniform on this range: without one the load tester mixes in
// rows of zeros and denormals, which cost what no user's rows cost.
var ordinary = []string{"--range", "-2..2"}

// rows is how many different ones are sent: enough to tell one answer from another, and so few
// that requests and known answers do not push the model's weights out of the caches that the load
// tester shares with the server here. What comes from a socket is in no cache of a server anyway.
const rows = 16

var (
	binaryKind = kind{protocol: payload.Binary, draw: ordinary, variants: rows}
	jsonKind   = kind{protocol: payload.JSON, draw: ordinary, variants: rows}
)

// within asks for answers within a budget.
func (k kind) within(budget time.Duration) kind {
	k.budget = budget
	return k
}

// flag is the protocol as the load tester takes it.
func (k kind) flag() string { return strings.TrimPrefix(k.protocol.String(), "oip-") }

// asked is a gateway whose right answers are known.
type asked struct {
	aim
	// wire is one of the requests as bytes on a connection, and id where its identity stands.
	wire []byte
	id   int
}

// ask starts the gateway of a model, unless it runs, and learns its right answers.
func (b *bench) ask(model string, k kind) (asked, error) {
	p, err := b.sluice(model)
	if err != nil {
		return asked{}, err
	}
	return b.prepare(p, model, k)
}

// prepare draws rows for a model, has the load tester ask for the answer to each one alone and
// twice, and keeps both in a file that the runs send and expect again.
func (b *bench) prepare(p *process, model string, k kind) (out asked, err error) {
	file := filepath.Join(b.dir, strings.ReplaceAll(model, "/", "-")+"-"+k.flag()+".jsonl")
	record := []string{"record", p.addr, "--model", model, "--protocol", k.flag(), "--out", file}
	if k.variants > 0 {
		record = append(record, "--variants", fmt.Sprint(k.variants))
	}
	if _, err := b.tool(slices.Concat(record, k.draw, k.compare)...); err != nil {
		return out, err
	}
	out.aim = aim{p, append([]string{"--model", model, "--protocol", k.flag(), "--payload", "golden:" + file}, k.compare...)}
	if k.budget > 0 {
		out.aim.ask = append(out.aim.ask, "--budget", k.budget.String())
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	m, err := payload.Discover(ctx, p.addr, model, "")
	if err != nil {
		return out, fmt.Errorf("cannot ask %s for its model: %w", p.name, err)
	}
	set, err := payload.Build(m, payload.Options{Protocol: k.protocol, Source: "golden:" + file, Budget: k.budget})
	if err != nil {
		return out, fmt.Errorf("cannot make a request for %s: %w", model, err)
	}
	out.wire, out.id = set.Payloads[0].Bytes, set.Payloads[0].ID
	return out, nil
}

// template writes the request as a file that the load tester sends to a server without models:
// the same bytes, with an identity for each request. It writes the headers that are left out.
func (b *bench) template(r asked) (path string, err error) {
	text := slices.Concat(r.wire[:r.id], []byte("{{id}}"), r.wire[r.id+payload.IdentityLength:])
	head, body, _ := bytes.Cut(text, http1.HeadEnd)
	lines := strings.Split(string(head), "\r\n")
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "Host:") || strings.HasPrefix(line, "Content-Length:")
	})
	f, err := os.CreateTemp(b.dir, "request-*.http")
	if err == nil {
		_, err = f.WriteString(strings.Join(lines, "\r\n") + string(http1.HeadEnd) + string(body))
	}
	if err != nil {
		return "", fmt.Errorf("cannot save a request: %w", err)
	}
	return f.Name(), f.Close()
}
