package httpfront

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/accesslog"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// accessLine is a line of the access log, read back.
type accessLine struct {
	Why, Method, Path, Code, Model, Version, Device string
	RequestID                                       string `json:"request_id"`
	Peer                                            netip.AddrPort
	Status, Rows, Batch                             int
	BytesIn                                         int     `json:"bytes_in"`
	BytesOut                                        int     `json:"bytes_out"`
	BudgetMs                                        float64 `json:"budget_ms"`
	TotalMs                                         float64 `json:"total_ms"`
	RunMs                                           float64 `json:"run_ms"`
	Late                                            bool
}

// logged serves with an access log and returns, when the server has had its requests, what was
// written: by the id of the request.
func logged(t *testing.T, models *fakeModels, change func(*setup), ask func(*edge)) map[string]accessLine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := accesslog.Start(accesslog.Options{File: path, Sample: 1, Slow: 1})
	if err != nil {
		t.Fatal(err)
	}
	e := serve(t, models, func(o *setup) {
		o.AccessLog = log
		if change != nil {
			change(o)
		}
	})
	ask(e)
	if err := log.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]accessLine{}
	for raw := range bytes.Lines(text) {
		var l accessLine
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if _, twice := all[l.RequestID]; twice {
			t.Errorf("the request %s is there twice", l.RequestID)
		}
		all[l.RequestID] = l
	}
	return all
}

// Each request has one line, with what it was, what became of it and where it came from.
func TestAccessLog(t *testing.T) {
	const id = "X-Request-Id: "
	two := "{" + inputs(input("INPUT0", "INT32", "[2,16]", `"data":[`+sixteen+","+sixteen+`]`), input("INPUT1", "INT32", "[2,16]", `"data":[`+sixteen+","+sixteen+`]`)) + "}"
	asked := func(method, path, name string) string {
		return method + " " + path + " HTTP/1.1\r\nHost: h\r\n" + id + name + "\r\n\r\n"
	}
	large := simpleBody("") + strings.Repeat(" ", 100<<10)
	v1 := `{"instances":[{"INPUT0":[` + sixteen + `],"INPUT1":[` + sixteen + `]}]}`
	zipped := packed(t, "gzip", simpleBody(""))
	requests := []struct {
		raw  string
		want accessLine
	}{
		{post(simpleInfer+"?secret=1", two, id+"rows", "Sluice-Budget-Ms: 2500"), accessLine{Method: "POST", Path: simpleInfer, Status: 200, Model: "simple", Version: "1", Device: "fake", Rows: 2, Batch: 2, BytesIn: len(two), BudgetMs: 2500}},
		{post("/v1/models/simple%3Apredict", v1, id+"v1"), accessLine{Method: "POST", Path: "/v1/models/simple%3Apredict", Status: 200, Model: "simple", Version: "1", Device: "fake", Rows: 1, Batch: 1, BytesIn: len(v1), BudgetMs: 10_000}},
		{post(simpleInfer, large, id+"large"), accessLine{Method: "POST", Path: simpleInfer, Status: 200, Model: "simple", Version: "1", Device: "fake", Rows: 1, Batch: 1, BytesIn: len(large), BudgetMs: 10_000}},
		{post(simpleInfer, zipped, id+"zipped", "Content-Encoding: gzip"), accessLine{Method: "POST", Path: simpleInfer, Status: 200, Model: "simple", Version: "1", Device: "fake", Rows: 1, Batch: 1, BytesIn: len(zipped), BudgetMs: 10_000}},
		{post(simpleInfer, "{}", id+"bad"), accessLine{Method: "POST", Path: simpleInfer, Status: 400, Code: "INVALID_INPUTS", Model: "simple", Version: "1", BytesIn: 2, BudgetMs: 10_000}},
		{post(simpleInfer, "{}", id+"budget", "Sluice-Budget-Ms: x"), accessLine{Method: "POST", Path: simpleInfer, Status: 400, Code: "INVALID_TIMEOUT", Model: "simple", Version: "1", BytesIn: 2}},
		{post("/v2/models/nope/infer", "{}", id+"unknown"), accessLine{Method: "POST", Path: "/v2/models/nope/infer", Status: 404, Code: "MODEL_NOT_FOUND", BytesIn: 2}},
		{asked("GET", "/v2/health/live", "health"), accessLine{Method: "GET", Path: "/v2/health/live", Status: 200}},
		{asked("GET", "/%22%0a\"<", "odd"), accessLine{Method: "GET", Path: "/%22%0a\"<", Status: 404, Code: "NOT_FOUND"}},
		{asked("BREW", "/v2", "brew"), accessLine{Method: "BREW", Path: "/v2", Status: 501, Code: "METHOD_NOT_IMPLEMENTED"}},
		{asked("GET", "http://127.0.0.1/v2?x", "absolute"), accessLine{Method: "GET", Path: "/v2", Status: 200}},
		{strings.Replace(asked("GET", "/v2?x", "framing"), "1.1", "9.9", 1), accessLine{Method: "GET", Path: "/v2", Status: 505, Code: "HTTP_VERSION_UNSUPPORTED"}},
		{expecting("/nope", "9", expect, id+"expecting"), accessLine{Method: "POST", Path: "/nope", Status: 404, Code: "NOT_FOUND"}},
		{inferTo + id + "stalls\r\nContent-Length: 9\r\n\r\nabc", accessLine{Method: "POST", Path: simpleInfer, Status: 408, Code: "BODY_TIMEOUT"}},
		{inferTo + id + "broken\r\nX: a\x00\r\n\r\n", accessLine{Method: "POST", Path: simpleInfer, Status: 400, Code: "BAD_HEADER"}},
	}
	peers := map[string]netip.AddrPort{}
	lengths := map[string]int{}
	got := logged(t, newFakeModels(simpleModel()), func(o *setup) { o.ReadTimeout = 50 * time.Millisecond }, func(e *edge) {
		for _, r := range requests {
			c := e.dial()
			a := e.exchange(c, bufio.NewReader(c), r.raw)
			name := a.header.Get("X-Request-Id")
			peers[name], lengths[name] = netip.MustParseAddrPort(c.LocalAddr().String()), len(a.body)
			_ = c.Close()
		}
		c := e.dial()
		_, _ = io.WriteString(c, asked("HEAD", "/v2", "head"))
		_, _ = readHeadAnswer(bufio.NewReader(c))
	})
	for _, r := range requests {
		_, name, _ := strings.Cut(r.raw, id)
		name, _, _ = strings.Cut(name, "\r\n")
		l := got[name]
		if l.TotalMs <= 0 || l.TotalMs > 60_000 || l.RunMs > l.TotalMs {
			t.Errorf("%s: it took %v ms, and its run %v", name, l.TotalMs, l.RunMs)
		}
		l.TotalMs, l.RunMs = 0, 0
		want := r.want
		want.Why, want.RequestID, want.Peer, want.BytesOut = "sample", name, peers[name], lengths[name]
		if l != want {
			t.Errorf("%s: got\n%+v\nwant\n%+v", name, l, want)
		}
	}
	if l := got["head"]; l.Method != "HEAD" || l.Status != 200 || l.BytesOut != 0 {
		t.Errorf("HEAD: %+v", l)
	}
	if len(got) != len(requests)+1 {
		t.Errorf("%d lines for %d requests", len(got), len(requests)+1)
	}
}

// A client that left has a line too, and so has a request that panicked.
func TestAccessLogOfWhatWentWrong(t *testing.T) {
	model := simpleModel()
	model.admit = func() error { panic("no") }
	got := logged(t, newFakeModels(model), nil, func(e *edge) {
		e.send(post(simpleInfer, "{}", "X-Request-Id: panicked"))
		c := e.dial()
		_, _ = io.WriteString(c, inferTo+"X-Request-Id: left\r\nContent-Length: 10\r\n\r\nabc")
		_ = c.Close()
		e.eventually("the client's leaving is seen", func() bool {
			e.seen.mu.Lock()
			defer e.seen.mu.Unlock()
			return len(e.seen.statuses) == 2
		})
	})
	if l := got["panicked"]; l.Status != 500 || l.Code != "INTERNAL" || l.Model != "simple" {
		t.Errorf("the panic's line is %+v", l)
	}
	if l := got["left"]; l.Status != 499 || l.Code != "CLIENT_CLOSED" || l.Path != simpleInfer || !l.Peer.IsValid() {
		t.Errorf("the line of the client that left is %+v", l)
	}
}

// A client that leaves while its request waits gets nothing.
func TestAccessLogOfAClientThatLeftTheQueue(t *testing.T) {
	model := simpleModel()
	model.run = func(*task.Task) error { return fault.New(fault.ClientClosed, "the client has gone") }
	got := logged(t, newFakeModels(model), nil, func(e *edge) {
		for _, header := range [][]string{{"X-Request-Id: queued"}, {"X-Request-Id: large", "Content-Encoding: identity"}} {
			c := e.dial()
			_, _ = io.WriteString(c, post(simpleInfer, simpleBody(""), header...))
			if _, err := readAnswer(bufio.NewReader(c)); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		}
	})
	for _, id := range []string{"queued", "large"} {
		if l := got[id]; l.Status != 499 || l.Code != "CLIENT_CLOSED" || l.Model != "simple" || l.BytesIn != len(simpleBody("")) || l.BytesOut != 0 {
			t.Errorf("the line of %s is %+v", id, l)
		}
	}
}

// Requests that are with the model together, and end in another order, keep what is theirs.
func TestAccessLogDoesNotMix(t *testing.T) {
	const clients = 24
	release := make([]chan struct{}, clients)
	for i := range release {
		release[i] = make(chan struct{})
	}
	model := simpleModel()
	run := model.run
	model.run = func(tk *task.Task) error {
		n := int(tk.Inputs[0].Data[0])
		<-release[n]
		if n%3 == 0 {
			return fault.New(fault.Overloaded, "the queue is full")
		}
		return run(tk)
	}
	peers := make([]netip.AddrPort, clients)
	got := logged(t, newFakeModels(model), nil, func(e *edge) {
		var all sync.WaitGroup
		for i := range clients {
			c := e.dial()
			peers[i] = netip.MustParseAddrPort(c.LocalAddr().String())
			body := strings.ReplaceAll(simpleBody(strings.Repeat(" ", i)), "[1,2,", fmt.Sprintf("[%d,2,", i))
			_, _ = io.WriteString(c, post(simpleInfer+strings.Repeat("?", i%2), body, fmt.Sprint("X-Request-Id: r", i), fmt.Sprint("Sluice-Budget-Ms: ", 20_000+i)))
			all.Go(func() {
				if _, err := readAnswer(bufio.NewReader(c)); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range release {
			close(release[(i*7+5)%clients])
		}
		all.Wait()
	})
	for i := range clients {
		l, status := got[fmt.Sprint("r", i)], 200
		if i%3 == 0 {
			status = 429
		}
		length := len(strings.ReplaceAll(simpleBody(strings.Repeat(" ", i)), "[1,2,", fmt.Sprintf("[%d,2,", i)))
		if l.Peer != peers[i] || l.Status != status || l.BytesIn != length || l.BudgetMs != float64(20_000+i) || l.Path != simpleInfer || l.Method != "POST" || l.Model != "simple" {
			t.Errorf("request %d: %+v", i, l)
		}
	}
}
