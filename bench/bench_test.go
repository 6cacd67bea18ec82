package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
)

func TestReadAnswer(t *testing.T) {
	f := func(text string, want answer) {
		t.Helper()
		if got, err := readAnswer([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	const head = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 12\r\nX: y\r\n\r\n"
	f("", answer{})
	f(head[:40], answer{})
	f(head+"01234567890", answer{429, 0, 12})
	f(head+"012345678901", answer{429, len(head) + 12, 12})
	f("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", answer{200, 38, 0})
	if _, err := readAnswer([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")); err == nil {
		t.Error("an answer without a length is taken")
	}
}

func TestQuantiles(t *testing.T) {
	values := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	f := func(q, want float64) {
		t.Helper()
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %g: %g, want %g", q, got, want)
		}
	}
	f(0, 1)
	f(0.1, 1)
	f(0.5, 5)
	f(0.99, 10)
	f(1, 10)
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median of three: %g", got)
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median of four: %g", got)
	}
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	if err != nil || len(all) != len(parts) || !all["overload"] {
		t.Errorf("everything: %v, %v", all, err)
	}
	some, err := choose("json,idle")
	if err != nil || !some["json"] || !some["idle"] || some["binary"] {
		t.Errorf("two: %v, %v", some, err)
	}
	if _, err := choose("jsn"); err == nil || !strings.Contains(err.Error(), `"jsn"`) {
		t.Errorf("an unknown part: %v", err)
	}
}

// The requests are read by the gateway's own decoder in its tests; here, that they are
// framed as they say.
func TestRequestsAreFramed(t *testing.T) {
	for _, r := range []request{binaryRequest("m"), jsonRequest("m"), binaryRequest("m").within(20)} {
		wire := r.wire("host:1")
		head, body, ok := bytes.Cut(wire, headEnd)
		if !ok || !bytes.Contains(head, fmt.Appendf(nil, "Content-Length: %d", len(body))) || !bytes.HasPrefix(head, []byte("POST /v2/models/m/infer HTTP/1.1\r\nHost: host:1\r\n")) {
			t.Errorf("%s: %q", r.name, head)
		}
	}
	r := binaryRequest("m")
	var meta struct{ Inputs []struct{ Shape []int } }
	length := number([]byte(r.headers[1][1]))
	if err := json.Unmarshal(r.body[:length], &meta); err != nil || meta.Inputs[0].Shape[1]*4 != len(r.body)-length {
		t.Errorf("binary body: %+v, %v, %d bytes after the head", meta, err, len(r.body)-length)
	}
}

func TestResultNests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latest.json")
	r := Result{
		Binary: &Closed{Ratio: 0.7}, JSON: &Closed{Ratio: 0.6}, Idle: &Idle{AddedP50: 1}, Half: &Half{AddedP99: 2},
		Goodput: &Goodput{Ratio: 0.9, Share: 0.88, Turns: []turn{{Oracle: []float64{1}, CPURow: []float64{1, 1}, Sluice: make([]openResult, 1)}}}, Overload: &Overload{Ratio3x: 0.91, Ratio5x: 0.92, ShedP99: 3}, Allocs: &Allocs{Binary: 4},
	}
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]map[string]any
	dec := json.NewDecoder(bytes.NewReader(bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`"seconds": 0,`), nil), []byte(`"onnxruntime": "",`), nil)))
	if err := dec.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	f := func(key string, want float64) {
		t.Helper()
		part, name, _ := strings.Cut(key, ".")
		if got := tree[part][name]; got != want {
			t.Errorf("%s is %v, want %g", key, got, want)
		}
	}
	f("binary.ratio", 0.7)
	f("json.ratio", 0.6)
	f("idle.added_p50_us", 1)
	f("half.added_p99_ms", 2)
	f("goodput.ratio", 0.9)
	f("overload.ratio_3x", 0.91)
	f("overload.ratio_5x", 0.92)
	f("overload.shed_p99_ms", 3)
	f("allocs.binary", 4)
}

func TestVerdicts(t *testing.T) {
	f := func(want target, got float64, ok bool) {
		t.Helper()
		if v := want.verdict(got); strings.HasSuffix(v, "ok") != ok {
			t.Errorf("%g: %s", got, v)
		}
	}
	f(atLeast(0.7), 0.7, true)
	f(atLeast(0.7), 0.699, false)
	f(atMost(2), 2, true)
	f(atMost(2), 2.1, false)
}

func TestCapacityOfTheHeavyModel(t *testing.T) {
	b := &bench{cores: 2}
	// 2 ms for one row, 8 ms for eight: batches of eight count only while they take at most
	// half of the budget of 100 ms.
	rows := &sweep{Points: []rawPoint{{Rows: 1, CPURow: 2000}, {Rows: 8, CPURow: 1000}}}
	f := func(times, want float64) {
		t.Helper()
		if got := b.capacity(rows, times); got != want {
			t.Errorf("%g times: %g rows/s, want %g", times, got, want)
		}
	}
	f(1, 2000)
	f(5, 400)
	f(10, 100)
}

// stub answers every request after a delay, with every tenth refused.
func stub(t *testing.T, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	s := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(delay)
		w.Header().Set("Content-Length", "2")
		if n++; n%10 == 0 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
		_, _ = w.Write([]byte("ok"))
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-served
	})
	return l.Addr().String()
}

// One connection and a delay of 5 ms serve at most 200 requests a second; at twice that
// the wait of the last is about as long as the run, and the generator must say so.
func TestGeneratorCountsFromTheIntendedInstant(t *testing.T) {
	addr := stub(t, 5*time.Millisecond)
	g := generator{took: map[int][]float64{}, addr: addr, request: []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), rate: 400, budget: 200 * time.Millisecond, rng: seeded(1)}
	if err := g.open(1); err != nil {
		t.Fatal(err)
	}
	g.first = clock.Now()
	g.end = g.first.Add(time.Second)
	if err := g.loop(); err != nil {
		t.Fatal(err)
	}
	r := g.result(time.Second, 0, 0)
	if r.Requests < 300 || r.Requests > 500 {
		t.Errorf("%d arrivals in a second at 400/s", r.Requests)
	}
	if r.P99 < 300 {
		t.Errorf("p99 %.0f ms, although the last waited for about as long as the run", r.P99)
	}
	ok, shed := r.Status["200"], r.Status["429"]
	if ok+shed+r.Lost != r.Requests || shed != (ok+shed)/10 {
		t.Errorf("%d good, %d refused, %d lost of %d", ok, shed, r.Lost, r.Requests)
	}
	if int(r.Good)+r.LateOKs != ok || r.LateOKs == 0 {
		t.Errorf("%g in time and %d late of %d", r.Good, r.LateOKs, ok)
	}
	if r.ShedP50 < 5 {
		t.Errorf("median of refusals %.1f ms, faster than the server", r.ShedP50)
	}
}
