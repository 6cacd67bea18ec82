package httpfront

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/gateway/http/loop"
	"sluice/internal/memory"
	"sluice/internal/task"
)

const toRaw = "POST /v2/models/raw1/infer HTTP/1.1\r\nHost: h\r\nInference-Header-Content-Length: 0\r\n"

// Bodies are counted as they come: what is announced takes nothing, and what does not fit is refused.
func TestBodiesBudget(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) {
		o.Limits.MaxBodyBytes, o.Core.Limits.MaxBodiesBytes = 1<<20, 2<<20
	})
	announced := inferTo + "Content-Length: 1048576\r\n\r\n"
	var held []net.Conn
	for range 50 {
		c := e.dial()
		_, _ = io.WriteString(c, announced+strings.Repeat(" ", 100))
		held = append(held, c)
	}
	e.eventually("the connections are served", func() bool {
		e.server.mu.Lock()
		defer e.server.mu.Unlock()
		return len(e.server.mu.conns) == len(held)
	})
	if n := e.server.gateway.Bodies.Used(); n != 0 {
		t.Errorf("5,000 bytes take %d", n)
	}
	for n, c := range held[:2] {
		_, _ = io.WriteString(c, strings.Repeat(" ", 1<<20-200))
		e.eventually("the body is counted", func() bool { return e.server.gateway.Bodies.Used() == int64(n+1)<<20 })
	}
	if a := e.send(announced + strings.Repeat(" ", 1<<20)); a.status != 503 || !strings.Contains(a.body, "NO_CAPACITY") {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if a := e.send(inferTo + chunked + "20000\r\n" + strings.Repeat(" ", 1<<17) + "\r\n"); a.status != 503 || !strings.Contains(a.body, "NO_CAPACITY") {
		t.Fatalf("chunked: got %d %s", a.status, a.body)
	}
	e.good()
	e.server.gateway.Bodies.SetLimit(1 << 19)
	if a := e.send(announced); a.status != 503 || !strings.Contains(a.body, "more than 524288 bytes (limits.max_bodies_bytes)") {
		t.Fatalf("a body larger than all may be: got %d %s", a.status, a.body)
	}
	for _, c := range held {
		_ = c.Close()
	}
	e.eventually("the bodies are let go", func() bool { return e.server.gateway.Bodies.Used() == 0 })
}

// Bodies of every size, in pieces, chunked or not, several on a connection, come out as they went in, and
// nothing of them stays counted.
func TestGatheredBodies(t *testing.T) {
	e := serve(t, fixtures(), nil)
	random := rand.New(rand.NewPCG(1, 2))
	var raw []byte
	var sent []string
	for _, n := range []int{4, 100, memory.Uncounted - 4, memory.Uncounted, memory.Uncounted + 4, 8 << 10, 20_000, loop.MaxBody, loop.MaxBody + 4, 300_000, 1<<20 + 8} {
		for _, how := range []string{"length", "chunks", "gzip", "pieces"} {
			body := make([]byte, n)
			for i := 0; i < n; i += 4 {
				binary.LittleEndian.PutUint32(body[i:], random.Uint32()&0x0f0f0f0f)
			}
			sent = append(sent, string(body))
			raw = append(raw, framed(t, how, string(body), random)...)
		}
	}
	c := e.dial()
	r := bufio.NewReader(c)
	go func() { // many requests are on their way at once
		for len(raw) > 0 {
			n := min(1+random.IntN(200_000), len(raw))
			if _, err := c.Write(raw[:n]); err != nil {
				return
			}
			raw = raw[n:]
		}
	}()
	for i, want := range sent {
		a, err := readAnswer(r)
		if err != nil || a.status != 200 || !strings.HasSuffix(a.body, want) {
			t.Fatalf("body %d of %d bytes: got %d with %d bytes, %v", i, len(want), a.status, len(a.body), err)
		}
	}
	_ = c.Close()
	e.eventually("nothing is counted any more", func() bool {
		return e.server.gateway.Bodies.Used()+e.server.gateway.Inputs.Used()+e.server.gateway.Answers.Used() == 0
	})
}

// framed is a raw binary request with a body, framed in one of several ways.
func framed(t *testing.T, how, body string, random *rand.Rand) string {
	t.Helper()
	switch how {
	case "chunks", "pieces":
		var b strings.Builder
		b.WriteString(toRaw + chunked)
		for len(body) > 0 {
			n := len(body)
			if how == "pieces" {
				n = min(n, 1024+random.IntN(100_000))
			}
			fmt.Fprintf(&b, "%x;x=y\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		return b.String() + "0\r\n\r\n"
	case "gzip":
		body = packed(t, "gzip", body)
		return toRaw + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	}
	return toRaw + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// A client that sends requests ahead of answers cannot have more of them kept than there is room for.
func TestKeptBytesAreCounted(t *testing.T) {
	model := simpleModel()
	release := make(chan struct{})
	run := model.run
	var running atomic.Int32
	model.run = func(tk *task.Task) error {
		running.Add(1)
		<-release
		return run(tk)
	}
	e := serve(t, newFakeModels(model), func(o *setup) { o.Limits.MaxBodyBytes, o.Core.Limits.MaxBodiesBytes = 64<<10, 64<<10 })
	request := rawPlain()
	ahead := request + strings.Repeat(request, 40<<10/len(request))
	for range 20 {
		c := e.dial()
		_, _ = io.WriteString(c, ahead)
	}
	e.eventually("the first requests run", func() bool { return running.Load() == 20 })
	if n := e.server.gateway.Bodies.Used(); n > 64<<10 {
		t.Errorf("%d bytes are kept", n)
	}
	close(release)
	e.eventually("nothing is counted any more", func() bool { return e.server.gateway.Inputs.Used()+e.server.gateway.Answers.Used() == 0 })
}

// Inputs, outputs and answers that there is no memory for are refused, each with its setting, and
// nothing of them stays counted; small requests go on.
func TestInputsAndAnswersAreBounded(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.Core.Limits.MaxInputsBytes, o.Core.Limits.MaxAnswersBytes = 256<<10, 256<<10 })
	f := func(what, raw, want string) {
		t.Helper()
		a := e.send(raw)
		if a.status != 503 || !strings.Contains(a.body, "NO_CAPACITY") || !strings.Contains(a.body, want) {
			t.Errorf("%s: got %d %.300s, want 503 with %s", what, a.status, a.body, want)
		}
		e.eventually("nothing is counted any more", func() bool {
			return e.server.gateway.Bodies.Used()+e.server.gateway.Inputs.Used()+e.server.gateway.Answers.Used() == 0
		})
		e.good()
	}
	const inputsLack, answersLack = "262144 bytes (limits.max_inputs_bytes)", "262144 bytes (limits.max_answers_bytes)"
	list := func(value string, n int) string { return strings.TrimSuffix(strings.Repeat(value+",", n), ",") }
	numbers := func(n int) string {
		return "{" + inputs(input("INPUT0", "FP32", fmt.Sprintf("[1,%d]", n), `"data":[`+list("1", n)+`]`)) + "}"
	}
	f("binary", toRaw+fmt.Sprintf("Content-Length: %d\r\n\r\n", 300<<10)+strings.Repeat("\x00", 300<<10), inputsLack)
	f("JSON", post("/v2/models/id_fp32/infer", numbers(80_000)), inputsLack)
	f("strings", post("/v2/models/id_bytes/infer", "{"+inputs(input("INPUT0", "BYTES", "[1,90000]", `"data":[`+list(`""`, 90_000)+`]`))+"}"), inputsLack)
	f("V1", post("/v1/models/id_fp32:predict", `{"instances":[[`+list("1", 80_000)+`]]}`), inputsLack)
	f("the answer", post("/v2/models/id_fp32/infer", numbers(20_000)), answersLack)
	f("the answer in V1", post("/v1/models/id_fp32:predict", `{"instances":[[`+list("1", 20_000)+`]]}`), answersLack)
	e.server.gateway.Answers.SetLimit(64 << 10)
	f("the outputs", post("/v2/models/id_fp32/infer", numbers(20_000)), "65536 bytes (limits.max_answers_bytes)")
	e.server.gateway.Answers.SetLimit(640 << 10)
	// What there is no memory to compress goes out as it is.
	if a := e.send(post("/v2/models/id_fp32/infer", numbers(20_000), "Accept-Encoding: gzip")); a.status != 200 || a.header.Get("Content-Encoding") != "" {
		t.Errorf("got %d, %q", a.status, a.header.Get("Content-Encoding"))
	}
	e.server.gateway.Answers.SetLimit(8 << 20)
	if a := e.send(post("/v2/models/id_fp32/infer", numbers(20_000), "Accept-Encoding: gzip")); a.status != 200 || a.header.Get("Content-Encoding") != "gzip" || !strings.Contains(unpacked(t, "gzip", a.body), `1.0,1.0]}]}`) {
		t.Errorf("got %d, %q", a.status, a.header.Get("Content-Encoding"))
	}
}

// A client that does not read holds its answer's memory, counted, until it has gone.
func TestUnreadAnswersAreCounted(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.Core.Limits.MaxAnswersBytes = 80 << 20 })
	body := strings.Repeat("\x00", 16<<20)
	raw := toRaw + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	var held []net.Conn
	for range 2 {
		c := e.dial()
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, _ = io.WriteString(c, raw)
		held = append(held, c)
	}
	e.eventually("two answers wait to be read", func() bool { // with their outputs and inputs; their bodies have gone
		g := e.server.gateway
		n, in := g.Answers.Used(), g.Inputs.Used()
		return n >= 64<<20 && n < 68<<20 && in >= 32<<20 && in < 34<<20 && g.Bodies.Used() == 0
	})
	for _, c := range held {
		_ = c.Close()
	}
	e.eventually("nothing is counted any more", func() bool { return e.server.gateway.Answers.Used()+e.server.gateway.Inputs.Used() == 0 })
}
