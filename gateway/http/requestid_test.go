package httpfront

import (
	"bufio"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/fault"
	"sluice/internal/task"
)

var madeID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Whatever is answered has the request's id: answers and refusals of the handlers, faults of framing
// as soon as the header's line has come, and bodies that do not come.
func TestEveryAnswerHasItsID(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) {
		o.Limits.MaxBodyBytes, o.ReadTimeout, o.HeaderTimeout = mib, 80*time.Millisecond, 80*time.Millisecond
	})
	const id = "X-Request-ID: one.2-3\r\n"
	with := func(raw string) string { return strings.Replace(raw, "Host: h\r\n", "Host: h\r\n"+id, 1) }
	f := func(status int, raw string) {
		t.Helper()
		c := e.dial()
		defer c.Close()
		go func() { _, _ = io.WriteString(c, raw) }()
		a, err := readAnswer(bufio.NewReader(c))
		got := a.header["X-Request-Id"]
		if err != nil || a.status != status || len(got) != 1 || strings.Contains(raw, id) && got[0] != "one.2-3" || !strings.Contains(raw, id) && !madeID.MatchString(got[0]) {
			t.Errorf("%.90q got %d with the ids %q, %v; want %d", raw, a.status, got, err, status)
		}
	}
	large := strings.Repeat(" ", 100<<10)
	for status, raws := range map[int][]string{
		200: {post(simpleInfer, simpleBody("")), get("/v2"), post(simpleInfer, simpleBody("")+large), post(simpleInfer, packed(t, "gzip", simpleBody("")), "Content-Encoding: gzip"), post("/v1/models/id_fp32:predict", `{"instances":[[1]]}`)},
		400: {post(simpleInfer, "{"), inferTo + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n", inferTo + "X: a\x00b\r\n\r\n", inferTo + chunked + "z\r\n", "GET /v2 HTTP/1.1\r\nHost: h\r\nHost: a\r\n\r\n"},
		404: {get("/nope"), post("/v2/models/nope/infer", "{}"), "POST /nope HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"},
		405: {get(simpleInfer)},
		408: {inferTo + "Content-Length: 10\r\n\r\nabc", inferTo + "Content-Le"},
		413: {inferTo + "Content-Length: 1048577\r\n\r\n", inferTo + chunked + "100001\r\n"},
		417: {inferTo + "Expect: 200-maybe\r\nContent-Length: 3\r\n\r\n"},
		501: {"BREW /v2 HTTP/1.1\r\nHost: h\r\n\r\n", post(simpleInfer, "x", "Content-Encoding: br"), inferTo + "Transfer-Encoding: gzip\r\n\r\n"},
		505: {"GET /v2 HTTP/9.9\r\nHost: h\r\n\r\n"},
	} {
		for _, raw := range raws {
			f(status, with(raw))
			f(status, raw)
			f(status, strings.Replace(raw, "Host: h\r\n", "Host: h\r\nX-Request-Id: a b\r\n", 1))
		}
	}
	f(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
	f(414, "GET /"+strings.Repeat("x", 64<<10))
}

// Each of pipelined requests has its own id, and so has one that is refused at the door.
func TestIDsDoNotMix(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.Limits.MaxConnections = 1 })
	c := e.dial()
	r := bufio.NewReader(c)
	ask := func(id string) string { return post(simpleInfer, simpleBody(""), "X-Request-Id: "+id) }
	_, _ = io.WriteString(c, ask("first")+post(simpleInfer, simpleBody(""))+ask("third")+"PUT /v2 HTTP/1.1\r\nHost: h\r\nX-Request-Id: fourth\r\n\r\n"+post(simpleInfer, simpleBody(""))+"GET /v2 HTTP/9.9\r\n\r\n")
	for i, want := range []string{"first", "", "third", "fourth", "", ""} {
		a, err := readAnswer(r)
		if got := a.header.Get("X-Request-Id"); err != nil || want != "" && got != want || want == "" && !madeID.MatchString(got) {
			t.Errorf("answer %d has the id %q, %v; want %q", i, got, err, want)
		}
		if i == 0 {
			if away := e.send(""); away.status != 503 || !madeID.MatchString(away.header.Get("X-Request-Id")) {
				t.Errorf("a connection too many got %d with the id %q", away.status, away.header.Get("X-Request-Id"))
			}
		}
	}
}

// What is logged of a request has its id.
func TestLogLinesHaveTheID(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	model := simpleModel()
	model.admit = func() error { panic("no") }
	e := serve(t, newFakeModels(model), func(o *setup) { o.Log = zap.New(core) })
	a := e.send(post(simpleInfer, simpleBody(""), "X-Request-Id: here"))
	lines := logs.TakeAll()
	if a.status != 500 || a.header.Get("X-Request-Id") != "here" || len(lines) != 1 || lines[0].Message != "request panicked" || lines[0].ContextMap()["request_id"] != "here" {
		t.Errorf("got %d, the id %q and the lines %v", a.status, a.header.Get("X-Request-Id"), lines)
	}
}

// An id reaches the answer of a request whose client is refused by the scheduler too.
func TestRefusedRequestsHaveTheID(t *testing.T) {
	model := simpleModel()
	model.run = func(*task.Task) error { return fault.New(fault.Overloaded, "the queue is full") }
	e := serve(t, newFakeModels(model), nil)
	if a := e.send(post(simpleInfer, simpleBody(""), "X-Request-Id: q")); a.status != 429 || a.header.Get("X-Request-Id") != "q" {
		t.Errorf("got %d with %q", a.status, a.header.Get("X-Request-Id"))
	}
}
