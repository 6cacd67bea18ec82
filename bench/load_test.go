package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"sluice/internal/http1"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/stub"
)

// loaded is a bench that uses the real load tester, and a server that does what is asked of it, in
// this very process.
func loaded(t *testing.T, o stub.Options) (*bench, *process) {
	t.Helper()
	withLoadtest(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s, err := stub.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bench{cores: 2, quick: true, binPath: self, dir: t.TempDir()}, &process{name: "the stub", addr: s.Addr(), pid: os.Getpid()}
}

// few is a kind of which a server with a fault is not asked often before the load.
var few = kind{protocol: payload.Binary, variants: 4, draw: ordinary}

func TestOpenRun(t *testing.T) {
	b, p := loaded(t, stub.Options{Delay: fixed(t, "delay=5ms"), Status: []stub.Chance{{Status: 429, Percent: 10}}, Seed: 1})
	to, err := b.prepare(p, stub.Model, few)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.openRun(to.aim, 500, 64, 2*time.Second, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	ok, shed := int(r.Status["200"]), int(r.Status["429"])
	if r.Requests < 800 || r.Requests > 1200 || ok+shed != r.Requests || r.Lost > 0 {
		t.Errorf("of %d requests at 500/s for 2 s %d are good, %d refused, %d lost", r.Requests, ok, shed, r.Lost)
	}
	if shed < r.Requests/20 || shed > r.Requests/5 {
		t.Errorf("%d of %d refused, and the server refuses a tenth", shed, r.Requests)
	}
	if got := int(round(2*r.Good, 0)); got+r.LateOKs != ok || r.Checked != ok {
		t.Errorf("%d in time, %d late and %d compared of %d", got, r.LateOKs, r.Checked, ok)
	}
	// A hundred refusals or so have a median, but no 99th percentile.
	if r.P50 < 5 || r.P99 < r.P50 || r.ShedP50 < 5 || r.ShedP99 != 0 || r.CPU <= 0 || r.ServerCPU <= 0 || r.begun.IsZero() {
		t.Errorf("figures are missing or too good for a server that takes 5 ms: %+v", r)
	}
}

func TestClosedRun(t *testing.T) {
	b, p := loaded(t, stub.Options{Delay: fixed(t, "delay=5ms")})
	to, err := b.prepare(p, stub.Model, few)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.closedRun(to.aim, 8, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if r.PerSecond < 100 || r.PerSecond > 1608 || r.Refused != 0 || r.CPURequest <= 0 || float64(r.Checked) != r.PerSecond {
		t.Errorf("8 connections, a server that takes 5 ms: %+v", r)
	}
}

// An answer that is wrong or does not come ends the run; a run that is only invalid does not.
func TestLoadtestFindsFaults(t *testing.T) {
	f := func(what, want string) {
		t.Helper()
		o, err := stub.Parse(what)
		if err != nil {
			t.Fatal(err)
		}
		b, p := loaded(t, o)
		to, err := b.prepare(p, stub.Model, few)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.openRun(to.aim, 200, 16, time.Second, time.Second)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	f("delay=1ms", "")
	f("corrupt=100", "wrong")
	b, _ := loaded(t, stub.Options{})
	if _, err := b.loadtest(aim{&process{name: "nobody", addr: "127.0.0.1:1"}, nil}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("a server that is not there: %v", err)
	}
}

// The ceiling must be sent what the gateway is sent, with an identity of its own for each request.
func TestTemplate(t *testing.T) {
	for _, k := range []kind{{protocol: payload.Binary, variants: 2, budget: 20 * time.Millisecond}, {protocol: payload.JSON, variants: 2}} {
		b, p := loaded(t, stub.Options{})
		to, err := b.prepare(p, stub.Model, k)
		if err != nil {
			t.Fatal(err)
		}
		path, err := b.template(to)
		if err != nil {
			t.Fatal(err)
		}
		target, err := payload.ParseTarget(p.addr)
		if err != nil {
			t.Fatal(err)
		}
		set, err := payload.Template(target, path, payload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := set.Payloads[0]
		head, body, _ := bytes.Cut(got.Bytes, http1.HeadEnd)
		wantHead, want, _ := bytes.Cut(to.wire, http1.HeadEnd)
		if !bytes.Equal(body, want) || got.ID-len(head) != to.id-len(wantHead) {
			t.Errorf("%v: the body is %q with its identity at %d, want %q at %d", k.protocol, body, got.ID-len(head), want, to.id-len(wantHead))
		}
		if len(head) != len(wantHead) {
			t.Errorf("%v: the head is %q, want %q in any order", k.protocol, head, wantHead)
		}
		if has := bytes.Contains(head, []byte("Sluice-Budget-Ms: 20\r\n")) || bytes.HasSuffix(head, []byte("Sluice-Budget-Ms: 20")); has != (k.budget > 0) {
			t.Errorf("%v: the head is %q", k.protocol, head)
		}
		if a, err := askWell(p.addr, to.wire); err != nil || a.total <= len(a.body) || len(a.body) == 0 {
			t.Errorf("%v: asked by hand: %+v, %v", k.protocol, a, err)
		}
	}
}

func TestOpenOf(t *testing.T) {
	r := result.Result{
		Load:     result.Load{Offered: 100, InTime: 45, Duration: 2},
		Ledger:   result.Ledger{Scheduled: 200, OK: 95, Timeout: 1, Refused: 2, FailedBefore: 3, LostAfter: 4, Status: map[string]int64{"200": 95, "429": 95}},
		PacerLag: result.Latency{Quantiles: []result.Quantile{{Q: 0.99, Ms: 0.25}}},
		Validity: result.Validity{Reasons: []string{"late"}},
	}
	got := openOf(&r)
	if got.Lost != 10 || got.LateOKs != 5 || got.Good != 45 || got.LagP99 != 250 || got.P99 != 0 || got.Valid || len(got.Reasons) != 1 {
		t.Errorf("%+v", got)
	}
}

func fixed(t *testing.T, text string) stub.Delay {
	t.Helper()
	o, err := stub.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return o.Delay
}
