package loadtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/stub"
)

// What answers are compared with, and why they are not.
func TestVerification(t *testing.T) {
	f := func(name string, o RunOptions, source, why string) {
		t.Helper()
		r, _, err := Run(t.Context(), o)
		whole(t, r, err)
		n := r.Ledger.OK
		if source == "" {
			n = 0
		}
		if r.Verify.Source != source || !strings.Contains(r.Verify.Why, why) || (why == "") != (r.Verify.Why == "") || r.Verify.Checked != n || r.Ledger.OK != r.Ledger.Scheduled {
			t.Errorf("%s: %+v of %+v", name, r.Verify, r.Ledger)
		}
	}
	plain := to(stubbed(t, "").Addr())
	f("learned", short(plain), "learned", "")
	unverified := plain
	unverified.Unverified = true
	f("unverified", short(unverified), "", "it was not asked for")
	f("unstable", short(to((&oipServer{factors: map[string]float64{"m": 2}, unstable: true}).start(t))), "", "the answers do not agree")
	f("small server", short(to((&oipServer{factors: map[string]float64{"m": 2}}).start(t))), "learned", "")

	path := t.TempDir() + "/expected.jsonl"
	n, err := Record(t.Context(), plain, path)
	if err != nil || n != variants {
		t.Fatalf("%d answers are recorded, error %v", n, err)
	}
	expected := plain
	expected.Target.Expect = path
	f("expected", short(expected), path, "")
	golden := plain
	golden.Target.Payload = payload.Options{Source: "golden:" + path}
	f("golden", short(golden), "golden:"+path, "")
	binary := plain
	binary.Target.Payload.Protocol = payload.Binary
	f("binary", short(binary), "learned", "")

	template := plain
	template.Target.Template = write(t, "request.http", "POST /v2/models/stub/infer\nContent-Type: application/json\n\n"+
		`{"id":"{{id}}","inputs":[{"name":"x","datatype":"FP32","shape":[1,16],"data":[{{variant}},1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}]}`)
	f("template", short(template), "learned", "")
}

// Wrong answers are counted exactly where they are known from a file: the target is not asked before.
func TestWrongAnswers(t *testing.T) {
	path := t.TempDir() + "/expected.jsonl"
	if _, err := Record(t.Context(), to(stubbed(t, "").Addr()), path); err != nil {
		t.Fatal(err)
	}
	s := stubbed(t, "corrupt=10")
	o := short(to(s.Addr()))
	o.Target.Expect, o.Warmup = path, 0
	r, _, err := Run(t.Context(), o)
	whole(t, r, err)
	if done := s.Counts().Corrupted.N; done != 30 || r.Ledger.Wrong != done || r.Ledger.OK != 270 || r.Verify.CrossTalk != 0 || len(r.Verify.Examples) == 0 || r.Exit.Code != result.ExitWrong {
		t.Errorf("%d are corrupted; ledger %+v, verification %+v, exit %+v", done, r.Ledger, r.Verify, r.Exit)
	}
}

// The protocol of TensorFlow Serving, by a server that has no other.
func TestV1(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/models/half":
			fmt.Fprint(w, `{"model_version_status":[{"version":"2","state":"AVAILABLE"}]}`)
		case "/v1/models/half/metadata":
			fmt.Fprint(w, `{"metadata":{"signature_def":{"signature_def":{"serving_default":{"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1"},{"size":"3"}]}}},"outputs":{"y":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1"}]}}}}}}}}`)
		case "/v1/models/half:predict":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"predictions":[0.5]}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	o := short(to(server.Listener.Addr().String()))
	o.Target.Model, o.Target.Payload.Protocol = "half", payload.V1
	r, _, err := Run(t.Context(), o)
	whole(t, r, err)
	if r.Targets[0].Protocol != "v1" || r.Targets[0].Version != "2" || r.Ledger.OK != 300 || r.Verify.Checked != 300 {
		t.Errorf("target %+v, ledger %+v, verification %+v", r.Targets[0], r.Ledger, r.Verify)
	}
}

// metricsOf serves what a stub has counted in Sluice's words, and more beside it.
func metricsOf(t *testing.T, s *stub.Server, more int64) string {
	t.Helper()
	first := int64(-1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := s.Counts().Answered
		if first < 0 {
			first = n
		}
		if n > first {
			n += more
		}
		fmt.Fprintf(w, "sluice_build_info{version=\"x\"} 1\nsluice_requests_total{model=\"stub\",outcome=\"ok\"} %d\n", n)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/metrics"
}

// The target's own counters are set against the tool's.
func TestReconciliation(t *testing.T) {
	f := func(more int64, agrees bool) {
		t.Helper()
		s := stubbed(t, "")
		o := short(to(s.Addr()))
		o.Target.Metrics = metricsOf(t, s, more)
		r, _, err := Run(t.Context(), o)
		whole(t, r, err)
		if l := r.Ledger.Server; l == nil || l.Agrees != agrees || l.Sent != 400 || l.Received != 400 || l.Accepted != 400+more {
			t.Errorf("with %d requests of others: %+v", more, l)
		}
	}
	f(0, true)
	f(7, false)
}

func TestThinned(t *testing.T) {
	f := func(part, share, want float64) {
		t.Helper()
		if got := thinned(part, share); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("a part of %g that takes %g of a core becomes %g, want %g", part, share, got, want)
		}
	}
	f(0, 0.1, 0)
	f(0, 0.05, 0)
	f(0.5, 0.1, 0.5)
	f(0, 0.16, 0.5)
	f(0.5, 0.16, 0.25)
	f(1, 0.8, 0.1)
}

// A comparison that is too dear is thinned while the run goes on, and the result says so.
func TestThin(t *testing.T) {
	p := part{set: &payload.Set{}, checker: nil}
	f := follower{s: &shot{aims: []*aim{{parts: []part{p}}}}, part: 0.5}
	progress := f.last
	progress.Checking = 2 * time.Second
	f.thin(progress, 500*time.Millisecond)
	if f.part != 0.5 {
		t.Errorf("after half a second the part is %g", f.part)
	}
	f.thin(progress, 2*time.Second)
	want := thinned(0.5, 1)
	if f.part != want {
		t.Errorf("a core spent on comparing leaves a part of %g", f.part)
	}
	f.thin(progress, 4*time.Second) // nothing spent since
	if f.part != want {
		t.Errorf("the part changes to %g", f.part)
	}
}

// Every outcome of the engine has its place in the ledger.
func TestLedgerOfFaults(t *testing.T) {
	s := stubbed(t, "lose=20,drop=30,status=429:10")
	o := short(to(s.Addr()))
	o.Unverified, o.Timeout, o.Warmup = true, 2*time.Second, 0
	r, d, err := Run(t.Context(), o)
	whole(t, r, err)
	c, l := s.Counts(), r.Ledger
	if !l.Closed || l.Timeout != c.Lost.N || l.LostAfter != c.Dropped.N || l.Rejected != c.Drawn || l.OK != 300-l.Timeout-l.LostAfter-l.Rejected || c.Lost.N == 0 || c.Dropped.N == 0 || c.Drawn == 0 {
		t.Errorf("ledger %+v of %+v", l, c)
	}
	if l.Reopened == 0 || r.Refusals == nil || r.Refusals.N != l.Rejected || l.Status["429"] != l.Rejected {
		t.Errorf("ledger %+v, refusals %+v", l, r.Refusals)
	}
	for _, s := range d.Samples {
		if s.Outcome == sample.None {
			t.Fatal("a request has no outcome")
		}
	}
}
