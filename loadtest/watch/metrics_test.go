package watch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/internal/telemetry"
)

// exposition is what Triton tells, shortened.
const exposition = `# HELP nv_inference_request_success Number of successful inference requests
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="a",version="1"} 900
nv_inference_request_success{model="b",version="1"} 100
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="a",reason="REJECTED",version="1"} 7
nv_inference_request_failure{model="a",reason="CANCELED",version="1"} 2
nv_inference_request_failure{model="a",reason="OTHER",version="1"} 1
nv_inference_count{model="a",version="1"} 1200
nv_inference_exec_count{model="a",version="1"} 300
nv_inference_pending_request_count{model="a",version="1"} 4
nv_gpu_utilization{gpu_uuid="x"} 0.5
nv_gpu_utilization{gpu_uuid="y"} NaN
nv_gpu_memory_used_bytes{gpu_uuid="x"} 1e+09
nv_inference_request_duration_us_bucket{le="+Inf"} what`

func TestTriton(t *testing.T) {
	got, err := parseMetrics([]byte(exposition))
	want := totals{Source: "triton", Accepted: 1010, Answered: 1008, Sheds: 7, Rows: 1200, Batches: 300, Queue: 4, GPU: 0.25, GPUMemory: 1e9}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, error %v; want %+v", got, err, want)
	}
}

// sluice is a server of Sluice's own metrics: the names are held to what the gateway says.
func sluice(t *testing.T) (*telemetry.Metrics, *telemetry.Model, *httptest.Server) {
	t.Helper()
	m := telemetry.New("test")
	model := m.NewModel("ranker", "1", 64)
	server := httptest.NewServer(m.Handler())
	t.Cleanup(server.Close)
	return m, model, server
}

func TestSluice(t *testing.T) {
	m, model, server := sluice(t)
	for i := range 10 {
		model.ObserveRequest(&telemetry.Request{Rows: 3, Late: i == 0})
	}
	model.ObserveFault(fault.Overloaded, time.Millisecond)
	model.ObserveFault(fault.MissingInput, time.Millisecond)
	model.ObserveFault(fault.ClientClosed, time.Millisecond)
	m.HTTP.Refused(fault.NoCapacity)
	model.Device("cpu").ObserveBatch(&telemetry.Batch{Rows: 20})
	model.Device("cuda:0").ObserveBatch(&telemetry.Batch{Rows: 8})
	model.Device("cuda:0").ObserveBatch(&telemetry.Batch{Rows: 2})
	model.WatchQueue(func() telemetry.QueueState { return telemetry.QueueState{Requests: 5, Rows: 15} })
	model.WatchRouting(func() telemetry.Routing {
		return telemetry.Routing{Sent: []telemetry.Sent{{Device: "cuda:0", Count: 8}, {Device: "cpu", Reason: "spill", Count: 2}, {Device: "cpu", Reason: "rescue", Count: 1}}}
	})
	known := func(v float64) telemetry.Reading { return telemetry.Reading{Value: v, Known: true} }
	m.WatchGPUs(func() telemetry.GPUSample {
		return telemetry.GPUSample{GPUs: []telemetry.GPU{
			{UUID: "a", GPUReadings: telemetry.GPUReadings{Utilization: known(0.2), MemoryUsed: known(3e9)}},
			{Index: 1, UUID: "b", GPUReadings: telemetry.GPUReadings{Utilization: known(0.6), MemoryUsed: known(1e9)}},
		}}
	})
	s := newScraper(server.URL)
	defer s.close()
	got, err := s.read(context.Background())
	want := totals{
		Source: "sluice", Accepted: 14, Answered: 13, Sheds: 2, Spills: 3, Rows: 30, Batches: 3, Queue: 5, GPU: 0.4, GPUMemory: 4e9,
		Devices: map[string]float64{"cpu": 20, "cuda:0": 10},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, error %v; want %+v", got, err, want)
	}
	before, err := ServerCounters(context.Background(), server.URL)
	if err != nil || before != (Counters{"sluice", 14, 13}) {
		t.Fatalf("counters %+v, error %v", before, err)
	}
	model.ObserveRequest(&telemetry.Request{Rows: 3})
	model.ObserveFault(fault.Overloaded, 0)
	after, err := ServerCounters(context.Background(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if l := Reconcile(before, after, 2, 2); !l.Agrees || l.Accepted != 2 || l.Answered != 2 {
		t.Errorf("the ledger is %+v", l)
	}
	if l := Reconcile(before, after, 3, 2); l.Agrees {
		t.Errorf("the ledger agrees that 3 are 2: %+v", l)
	}
	if l := Reconcile(after, Counters{"sluice", 1, 1}, 1, 1); !l.Agrees {
		t.Errorf("a target that began anew: %+v", l)
	}
}

func TestWhatIsNotMetrics(t *testing.T) {
	var status int
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the reader may have had enough
	}))
	defer server.Close()
	f := func(code int, text, want string) {
		t.Helper()
		status, body = code, text
		_, err := ServerCounters(context.Background(), server.URL)
		if err == nil {
			t.Errorf("%.40q was taken for metrics", text)
			return
		}
		contains(t, "error", err.Error(), want)
		contains(t, "error", err.Error(), server.URL)
		if errors.Is(err, ErrUnknownServer) != (want == "neither") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	f(http.StatusUnauthorized, "", "status is 401")
	f(http.StatusOK, "sluice_build_info{version=\"1\" 1\n", "malformed")
	f(http.StatusOK, "sluice_requests_total{} x\n", "malformed")
	f(http.StatusOK, strings.Repeat("sluice_other 1\n", maxMetrics/15+2), "larger than 16777216 bytes")
	for _, text := range []string{"", "<html>", "process_cpu_seconds_total 5\n"} {
		f(http.StatusOK, text, "neither")
	}
	if _, err := ServerCounters(context.Background(), "http://127.0.0.1:1/metrics"); err == nil {
		t.Error("nobody answered")
	}
	if _, err := ServerCounters(context.Background(), "http://bad host/"); err == nil {
		t.Error("an address that is none was asked")
	}
}

func TestRatesOfACounterThatBeganAnew(t *testing.T) {
	before := &totals{Accepted: 100, Devices: map[string]float64{"cpu": 50}}
	after := &totals{Source: "sluice", Accepted: 10, Answered: 4, Queue: 3, Devices: map[string]float64{"cpu": 70, "cuda:0": 8}}
	got := after.since(before, 2)
	want := &Rates{Source: "sluice", Accepted: 5, Answered: 2, Queue: 3, Devices: map[string]float64{"cpu": 10, "cuda:0": 4}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestFindMetrics(t *testing.T) {
	m := telemetry.New("test")
	predict, metrics := adjacent(t)
	server := &http.Server{Handler: m.Handler()}
	go func() { _ = server.Serve(metrics) }() // until it is closed
	defer server.Close()
	addr := predict.Addr().String()
	if url, err := FindMetrics(context.Background(), addr, 0); err != nil || url != "http://"+metrics.Addr().String()+"/metrics" {
		t.Errorf("%s: %q, error %v", addr, url, err)
	}
	// Metrics of another process than the one that serves are not its own.
	if url, err := FindMetrics(context.Background(), addr, 1); err == nil {
		t.Errorf("the metrics of another process were taken: %s", url)
	} else {
		contains(t, "error", err.Error(), "--metrics")
	}
	if _, err := FindMetrics(context.Background(), "192.0.2.1:80", 0); !errors.Is(err, ErrNotHere) {
		t.Errorf("another machine: %v", err)
	}
}

// adjacent listens on two ports of which the second is the next one.
func adjacent(t *testing.T) (first, second net.Listener) {
	t.Helper()
	for range 100 {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at := a.Addr().(*net.TCPAddr)
		b, err := net.ListenTCP("tcp", &net.TCPAddr{IP: at.IP, Port: at.Port + 1})
		if err == nil {
			for _, l := range []net.Listener{a, b} {
				t.Cleanup(func() { l.Close() })
			}
			return a, b
		}
		a.Close()
	}
	t.Fatal("no two ports beside each other are free")
	return nil, nil
}

func BenchmarkParseMetrics(b *testing.B) {
	m := telemetry.New("test")
	for _, name := range []string{"digits", "encoder", "eta", "ranker"} {
		model := m.NewModel(name, "1", 64)
		model.ObserveRequest(&telemetry.Request{Rows: 3, Total: time.Millisecond})
		model.Device("cpu").ObserveBatch(&telemetry.Batch{Rows: 20})
	}
	var text strings.Builder
	if err := m.WriteText(&text); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseMetrics([]byte(text.String())); err != nil {
			b.Fatal(err)
		}
	}
}
