package loadtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/task"
	"sluice/internal/trace"
	"sluice/loadtest/load"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
)

// traced writes a trace.
func traced(t *testing.T, all ...trace.Arrival) (path string) {
	t.Helper()
	var out bytes.Buffer
	w, err := trace.NewWriter(&out, trace.Header{Clock: "monotonic"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if err := w.Write(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return write(t, "trace.jsonl", out.String())
}

// mixed are arrivals of two models in turn, of one and two rows.
func mixed(n int) (all []trace.Arrival) {
	for i := range n {
		all = append(all, trace.Arrival{At: time.Duration(i) * time.Millisecond, Model: []string{"a", "b"}[i%2], Rows: 1 + i/2%2})
	}
	return all
}

func replay(addr, path string) ReplayOptions {
	return ReplayOptions{RunOptions: RunOptions{Options: to(addr)}, Trace: path}
}

// Two models in one trace: each answer is held against its own model's.
func TestReplayOfTwoModels(t *testing.T) {
	s := &oipServer{factors: map[string]float64{"a": 2, "b": 3}}
	addr := s.start(t)
	o := replay(addr, traced(t, mixed(200)...))
	o.View = &watcher{onTitle: func() { s.heard("a"); s.heard("b") }} // all is prepared by then
	r, d, err := Replay(t.Context(), o)
	whole(t, r, err)
	if l := r.Ledger; l.Scheduled != 200 || l.OK != 200 || r.Verify.Checked != 200 || r.Command != "replay" || r.Targets[0].Model != "a, b" || len(d.Samples) != 200 {
		t.Errorf("ledger %+v, verification %+v, target %+v", l, r.Verify, r.Targets[0])
	}
	for _, model := range []string{"a", "b"} {
		rows := map[string]int{}
		for _, one := range s.heard(model) {
			for _, shape := range []string{"[1,2]", "[2,2]"} {
				if strings.Contains(one.body, `"shape":`+shape) {
					rows[shape]++
				}
			}
		}
		if rows["[1,2]"] != 50 || rows["[2,2]"] != 50 {
			t.Errorf("model %s is sent %v", model, rows)
		}
	}
	for i, s := range d.Samples {
		if s.Intended != time.Duration(i)*time.Millisecond {
			t.Fatalf("request %d is meant for %v", i, s.Intended)
		}
	}
	// Model b goes wrong once the answers are known.
	b := "b"
	o.View = &watcher{onTitle: func() { s.wrong.Store(&b) }}
	r, _, err = Replay(t.Context(), o)
	whole(t, r, err)
	if r.Ledger.Wrong != 100 || r.Ledger.OK != 100 || r.Exit.Code != result.ExitWrong {
		t.Errorf("ledger %+v, exit %+v", r.Ledger, r.Exit)
	}
}

// What was recorded with its data is sent again to the byte.
func TestReplayOfRecordedRequests(t *testing.T) {
	s := &oipServer{factors: map[string]float64{"a": 2, "b": 3}}
	addr := s.start(t)
	var bodies bytes.Buffer
	w, err := trace.NewPayloadWriter(&bodies)
	if err != nil {
		t.Fatal(err)
	}
	var all []trace.Arrival
	want := map[string][]string{}
	for i := range 30 {
		model := []string{"a", "b"}[i%2]
		body := fmt.Sprintf(` {"id": "q%d", "inputs": [{"name":"x", "datatype":"FP32", "shape":[1,2], "data":[%d, 0.5]}]} `, i%10, i%10)
		key, err := w.Write(&trace.Payload{Protocol: "v2", Type: "application/json", Header: -1, Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, trace.Arrival{At: time.Duration(i) * time.Millisecond, Model: model, Rows: 1, Payload: key, Budget: 250 * time.Millisecond})
		want[model] = append(want[model], body)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path := traced(t, all...)
	if err := os.WriteFile(trace.PayloadsPath(path), bodies.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	o := replay(addr, path)
	o.Unverified = true
	r, _, err := Replay(t.Context(), o)
	whole(t, r, err)
	if r.Ledger.OK != 30 {
		t.Errorf("ledger %+v", r.Ledger)
	}
	for model, bodies := range want {
		var got []string
		for _, one := range s.heard(model) {
			got = append(got, one.body)
			if one.header.Get("Sluice-Budget-Ms") != "250" || one.header.Get("Content-Type") != "application/json" {
				t.Fatalf("headers %v", one.header)
			}
		}
		slices.Sort(got)
		slices.Sort(bodies)
		if !slices.Equal(got, bodies) {
			t.Errorf("model %s is sent %q, want %q", model, got, bodies)
		}
	}
	o.Unverified = false // their answers are learned
	r, _, err = Replay(t.Context(), o)
	if whole(t, r, err); r.Verify.Checked != 30 || r.Ledger.OK != 30 {
		t.Errorf("ledger %+v, verification %+v", r.Ledger, r.Verify)
	}
	if err := os.Remove(trace.PayloadsPath(path)); err != nil {
		t.Fatal(err)
	}
	r, _, err = Replay(t.Context(), o)
	failsWith[*payload.UsageError](t, r, err, "which is not in "+trace.PayloadsPath(path))
}

// What a recorded request is made of, headers and all.
func TestRawRequest(t *testing.T) {
	target := payload.Target{Host: "h:1", Base: "/base"}
	f := func(p trace.Payload, k load.Kind, want string) {
		t.Helper()
		if got := string(rawRequest(target, "m", &k, &p)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(trace.Payload{Protocol: "v1", Header: -1, Body: []byte("{}")}, load.Kind{},
		"POST /base/v1/models/m:predict HTTP/1.1\r\nHost: h:1\r\nUser-Agent: sluice-loadtest\r\nContent-Length: 2\r\n\r\n{}")
	f(trace.Payload{Protocol: "v2", Header: 2, Type: "x/y", Encoding: "gzip", Body: []byte("{}\x01")}, load.Kind{Budget: 1500 * time.Microsecond, Priority: task.High},
		"POST /base/v2/models/m/infer HTTP/1.1\r\nHost: h:1\r\nUser-Agent: sluice-loadtest\r\nContent-Length: 3\r\nContent-Type: x/y\r\nContent-Encoding: gzip\r\nInference-Header-Content-Length: 2\r\nSluice-Budget-Ms: 1.5\r\n\r\n{}\x01")
}

// A file of intervals says when, from the first request on, and the caller what.
func TestReplayOfIntervals(t *testing.T) {
	s := stubbed(t, "")
	path := write(t, "intervals", strings.Repeat("2000\n", 100))
	r, d, err := Replay(t.Context(), replay(s.Addr(), path))
	whole(t, r, err)
	if r.Ledger.OK != 100 || r.Verify.Checked != 100 || d.Samples[99].Intended != 198*time.Millisecond {
		t.Errorf("ledger %+v, verification %+v, the last at %v", r.Ledger, r.Verify, d.Samples[99].Intended)
	}
	fast := replay(s.Addr(), path)
	fast.Speed, fast.Warmup, fast.Length = 2, 20*time.Millisecond, 40*time.Millisecond
	fast.Target.Template = write(t, "request.http", "GET /v2/models/stub\n\n")
	r, d, err = Replay(t.Context(), fast)
	whole(t, r, err)
	// One a millisecond: those before 60 ms, the first twenty of them warm-up.
	if len(d.Samples) != 60 || r.Ledger.Scheduled != 40 || r.Ledger.OK != 40 || r.Load.Expression != "trace:"+path+",speed=2" {
		t.Errorf("%d requests, ledger %+v, load %+v", len(d.Samples), r.Ledger, r.Load)
	}
}

func TestReplayInterrupted(t *testing.T) {
	s := &oipServer{factors: map[string]float64{"a": 2, "b": 3}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := replay(s.start(t), traced(t, mixed(60_000)...))
	o.View = &watcher{onShow: func(int) { cancel() }}
	r, d, err := Replay(ctx, o)
	whole(t, r, err)
	if n := int64(len(d.Samples)); !r.Interrupted || !r.Ledger.Closed || r.Ledger.Scheduled != n || n == 0 || n > 30_000 {
		t.Errorf("%d requests, ledger %+v", n, r.Ledger)
	}
}

func TestRefusedReplays(t *testing.T) {
	s := &oipServer{factors: map[string]float64{"a": 2, "b": 3}}
	addr := s.start(t)
	good := traced(t, mixed(20)...)
	f := func(want, path string, change func(o *ReplayOptions)) {
		t.Helper()
		o := replay(addr, path)
		change(&o)
		r, _, err := Replay(t.Context(), o)
		failsWith[*payload.UsageError](t, r, err, want)
	}
	none := func(*ReplayOptions) {}
	f("cannot open the trace", "/nonexistent", none)
	f("the trace has no arrivals", write(t, "empty", ""), none)
	f("times go backwards", write(t, "back", "5\n-1\n"), none)
	f("which is not longer than the warm-up of 1m0s", good, func(o *ReplayOptions) { o.Warmup = time.Minute })
	f(`the model "c" is not one of`, traced(t, trace.Arrival{Model: "c", Rows: 1}), none)
	f(`the model "b" is not one of`, good, func(o *ReplayOptions) { o.Target.Model = "a" })
	f("each kind in the trace gets payloads of its own", good, func(o *ReplayOptions) { o.Target.Expect = "x.jsonl" })
	f("target has 2 models", write(t, "intervals", "5\n5\n"), none)
}
