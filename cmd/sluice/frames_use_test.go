package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/config"
	"sluice/internal/trace"
	"sluice/serve"
)

// What comes through a front end that is not HTTP is predicted, refused, counted, recorded and compared as what
// comes through HTTP.
func TestFramesGoTheSameWay(t *testing.T) {
	needLibrary(t)
	record := filepath.Join(t.TempDir(), "frames.jsonl")
	cfg := config.Default()
	cfg.Models, cfg.State, cfg.Listen, cfg.Admin = examples, t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	cfg.ONNXRuntime.Library = os.Getenv("SLUICE_ONNXRUNTIME")
	cfg.Record.File, cfg.Record.Payloads, cfg.Drain.Delay = record, true, 0
	s, socket, stop := startInside(t, cfg)

	row := golden(t, "digits")[0]
	const clients, each = 16, 40
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c, err := dialFrames(socket)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for n := range each {
				code, answer, err := c.ask(fmt.Sprint(i, "-", n), "digits", 10_000, row.Request)
				if _, ok := row.answeredBy([]byte(answer)); err != nil || code != "" || !ok {
					t.Errorf("got %q %s, %v", code, answer, err)
				}
			}
		})
	}
	all.Wait()
	c, err := dialFrames(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, bad := range []struct{ model, body, want string }{{"nope", "{}", "MODEL_NOT_FOUND"}, {"digits", "{", "INVALID_JSON"}} {
		if code, text, err := c.ask("bad", bad.model, 0, []byte(bad.body)); err != nil || code != bad.want {
			t.Errorf("%v: got %q %s, %v", bad, code, text, err)
		}
	}
	refused := overload(t, socket, row.Request)

	// The counts of what frames brought, and the comparisons of those that shared a batch.
	awaitMetrics(t, s, fmt.Sprintf(`sluice_requests_total{model="digits",outcome="invalid_json",version="1"} %d`, 1),
		fmt.Sprintf(`sluice_requests_total{model="digits",outcome="overloaded",version="1"} %d`, refused))
	v, err := s.Registry().Acquire("digits", "")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "rows are compared", func() bool { return v.Comparer.Batches().Compared > 0 })
	if n := v.Comparer.Batches().Differed; n != 0 {
		t.Errorf("%d rows differ", n)
	}
	v.Release()
	_ = c.Close()
	stop()

	ok, bodies := 0, 0
	payloads, err := trace.LoadPayloads(record, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range readTrace(t, record) {
		if a.Model == "digits" && a.Budget == 10*time.Second {
			ok++
			if p := payloads[a.Payload]; p != nil && string(p.Body) == string(row.Request) {
				bodies++
			}
		}
	}
	if ok != clients*each || bodies != ok {
		t.Errorf("%d arrivals with %d bodies were recorded, want %d", ok, bodies, clients*each)
	}
}

// startInside runs a server in this process, with a front end of frames on a socket. stop may be called once.
func startInside(t *testing.T, cfg *config.Config) (s *serve.Server, socket string, stop func()) {
	t.Helper()
	s, err := serve.New(t.Context(), serve.Options{Config: cfg, Version: version})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, ready := make(chan error, 1), make(chan struct{})
	go func() { done <- s.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	socket = filepath.Join(t.TempDir(), "frames")
	f, err := serveFrames(s.Gateway(), socket)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		f.close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, socket, stop
}

// overload asks for more than can be had in time until some is refused, and returns how much was.
func overload(t *testing.T, socket string, body []byte) int {
	t.Helper()
	var refused atomic.Int32
	var all sync.WaitGroup
	end := time.Now().Add(20 * time.Second)
	for range 64 {
		all.Go(func() {
			c, err := dialFrames(socket)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for refused.Load() == 0 && time.Now().Before(end) {
				code, text, err := c.ask("over", "digits", 1, body)
				switch {
				case err != nil, code != "" && code != "OVERLOADED" && code != "DEADLINE_EXCEEDED" && code != "BUDGET_TOO_SHORT":
					t.Errorf("got %q %s, %v", code, text, err)
					return
				case code == "OVERLOADED":
					refused.Add(1)
				}
			}
		})
	}
	all.Wait()
	if refused.Load() == 0 {
		t.Error("nothing was refused")
	}
	return int(refused.Load())
}

// awaitMetrics waits until the metrics have all of some lines.
func awaitMetrics(t *testing.T, s *serve.Server, lines ...string) {
	t.Helper()
	var text []byte
	eventually(t, "the metrics have "+strings.Join(lines, " and "), func() bool {
		res, err := http.Get("http://" + s.AdminAddr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ = io.ReadAll(res.Body)
		for _, line := range lines {
			if !strings.Contains(string(text), line+"\n") {
				return false
			}
		}
		return true
	})
}
