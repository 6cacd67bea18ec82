package telemetry

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"sluice/internal/fault"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// busy is a server that has done a little of everything.
func busy() *Metrics {
	metrics := New("v1.2-test")
	m := metrics.NewModel("digits", "1", 8)
	m.SetLoadDuration(1500 * time.Millisecond)
	m.WatchQueue(func() QueueState {
		return QueueState{Requests: 3, Rows: 7, Bytes: 1792, Oldest: 2 * time.Millisecond}
	})
	m.ObserveRequest(&Request{
		Rows: 3, Total: 900 * time.Microsecond, Decode: 3 * time.Microsecond, Queue: 80 * time.Microsecond,
		Input: 5 * time.Microsecond, Run: 700 * time.Microsecond, Output: 6 * time.Microsecond, Encode: 2 * time.Microsecond,
	})
	m.ObserveRequest(&Request{Rows: 1, Total: 3 * time.Second, Queue: 2 * time.Second, Run: 85_000 * time.Second, Late: true})
	m.ObserveFault(fault.Overloaded, time.Microsecond)
	m.ObserveFault(fault.Overloaded, time.Microsecond)
	m.ObserveFault(fault.ClientClosed, time.Microsecond)
	m.ObserveFault(fault.InferenceFailed, time.Microsecond)
	m.ObserveFault(fault.MissingInput, time.Microsecond)
	m.Drop("predicted_late")
	m.Drop("predicted_late")
	m.Drop("cancelled")
	d := m.Device("cpu")
	d.ObserveBatch(&Batch{Rows: 4, Input: 5 * time.Microsecond, Run: 700 * time.Microsecond, Output: 6 * time.Microsecond, Predicted: 711 * time.Microsecond})
	d.ObserveBatch(&Batch{Rows: 1, Failed: true})
	metrics.WatchGPUs(twoGPUs)
	metrics.WatchFeatures(oneStore)
	m.SetLadder([]string{"previous", "constant"})
	m.ObserveRung(1)
	m.ObserveRung(-1)
	m.WatchFeatures(func() []FeatureValues {
		return []FeatureValues{{"user:age", 970, 30, 0.02}, {"user:rating", 0, 5, -1}}
	})
	m.ObserveFilled(false)
	m.ObserveFilled(false)
	m.ObserveFilled(true)
	metrics.HTTP.Overran()
	metrics.HTTP.Connected(1)
	metrics.HTTP.Connected(1)
	metrics.HTTP.Connected(-1)
	metrics.HTTP.Answered(200)
	metrics.HTTP.Answered(200)
	metrics.HTTP.Answered(429)
	metrics.HTTP.Refused(fault.NotFound)
	return metrics
}

// ownText is the text without what the Go runtime and the process say of themselves.
func ownText(t *testing.T, metrics *Metrics) string {
	t.Helper()
	var out bytes.Buffer
	if err := metrics.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	foreign := regexp.MustCompile(`(?m)^(# (HELP|TYPE) )?(go|process)_.*\n`)
	if !foreign.Match(out.Bytes()) {
		t.Error("no word of the Go runtime or the process")
	}
	return foreign.ReplaceAllString(out.String(), "")
}

func TestText(t *testing.T) {
	got := ownText(t, busy())
	golden := filepath.Join("testdata", "metrics.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the metrics differ from %s:\n%s", golden, got)
	}
}

// TestPlainDecimals reads the nv_ series as load testers do: digits, and nothing else.
func TestPlainDecimals(t *testing.T) {
	text := ownText(t, busy())
	line := regexp.MustCompile(`(?m)^nv_[a-z_]+\{model="digits",version="1"\} (\d+\.?\d*)$`)
	if got := len(line.FindAllString(text, -1)); got != 10 {
		t.Errorf("%d plain nv_ series, want 10 in\n%s", got, text)
	}
	if want := "\nnv_inference_compute_infer_duration_us{model=\"digits\",version=\"1\"} 85000000700\n"; !strings.Contains(text, want) {
		t.Errorf("%q is not in\n%s", want, text)
	}
}

func TestLabelsAreEscaped(t *testing.T) {
	metrics := New("test")
	metrics.NewModel("a\"b\\c\nd", "1", 1)
	if want := `nv_inference_count{model="a\"b\\c\nd",version="1"} 0`; !strings.Contains(ownText(t, metrics), want) {
		t.Errorf("%q is not in the text", want)
	}
}

func TestHandlerNegotiates(t *testing.T) {
	metrics := busy()
	get := func(accept string) (string, io.Reader) {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("Accept %q: status %d", accept, w.Code)
		}
		return w.Header().Get("Content-Type"), w.Body
	}
	for _, accept := range []string{"", "*/*", "text/plain", "application/openmetrics-text; version=1.0.0"} {
		kind, body := get(accept)
		text, _ := io.ReadAll(body)
		if !strings.HasPrefix(kind, "text/plain; version=0.0.4") || !bytes.Contains(text, []byte("85000000700")) {
			t.Errorf("Accept %q: %s\n%s", accept, kind, text)
		}
	}
	kind, body := get("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
	if !strings.HasPrefix(kind, "application/vnd.google.protobuf") {
		t.Errorf("protobuf is asked for and %q is sent", kind)
	}
	queue := family(t, body, expfmt.Format(kind), "sluice_queue_duration_seconds").GetMetric()[0].GetHistogram()
	if queue.GetSampleCount() != 2 || queue.GetSchema() != 3 || len(queue.GetPositiveSpan()) != 2 || len(queue.GetBucket()) == 0 {
		t.Errorf("the queue's histogram is %v", queue)
	}
}

func family(t *testing.T, body io.Reader, format expfmt.Format, name string) *dto.MetricFamily {
	t.Helper()
	for decoder := expfmt.NewDecoder(body, format); ; {
		var f dto.MetricFamily
		if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
			t.Fatalf("there is no %s", name)
		} else if err != nil {
			t.Fatal(err)
		}
		if f.GetName() == name {
			return &f
		}
	}
}

func TestRetire(t *testing.T) {
	metrics := New("test")
	count := func(want int) {
		t.Helper()
		if got := strings.Count(ownText(t, metrics), "nv_inference_count{"); got != want {
			t.Errorf("%d model versions show, want %d", got, want)
		}
	}
	one, two := metrics.NewModel("digits", "1", 8), metrics.NewModel("digits", "2", 8)
	count(2)
	metrics.Retire(one)
	count(1)
	one.ObserveRequest(&Request{Rows: 1}) // a late one is safe
	again := metrics.NewModel("digits", "2", 8)
	count(1)
	metrics.Retire(two) // replaced before: must not take the new one with it
	count(1)
	metrics.Retire(again)
	count(0)
}

func TestUnknownStatus(t *testing.T) {
	metrics := New("test")
	metrics.HTTP.Answered(-1)
	metrics.HTTP.Answered(600)
	if want := `sluice_http_responses_total{code="0"} 2`; !strings.Contains(ownText(t, metrics), want) {
		t.Errorf("%q is not in the text", want)
	}
}

func TestDropKnowsReasons(t *testing.T) {
	m := New("test").NewModel("digits", "1", 1)
	for _, name := range dropNames {
		if !m.Drop(name) {
			t.Errorf("%q is not a reason", name)
		}
	}
	if m.Drop("boredom") {
		t.Error("boredom is a reason")
	}
	for reason := range dropNames {
		if got := m.cells.sum(cellDrops + reason); got != 1 {
			t.Errorf("%s is counted %d times, want 1", dropNames[reason], got)
		}
	}
}

// TestTritonNamesAreOnThePage holds the page "Moving from Triton" against the series.
func TestTritonNamesAreOnThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/triton.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, desc := range descriptions {
		_, name, _ := strings.Cut(desc.String(), `fqName: "`)
		name, _, _ = strings.Cut(name, `"`)
		if name == "" || strings.HasPrefix(name, "nv_") && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/triton.md does not name %q", name)
		}
	}
}
