package watch

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sluice/loadtest/result"
)

// TestReadings watches a machine on which exactly so much happens in each second.
func TestReadings(t *testing.T) {
	m := newMachine(t)
	self := os.Getpid()
	const tid = 77
	second := func(n int) {
		m.process(fakeProcess{pid: self, parent: 1, start: 5, cpu: 1000 + 20*n, pages: 100 + n})
		m.process(fakeProcess{pid: 100000001, parent: 1, start: 6, cpu: 500 + 50*n, pages: 200, voluntary: 40 * n, involuntary: 4 * n, sockets: nil})
		m.process(fakeProcess{pid: 100000002, parent: 100000001, start: 7, cpu: 30 * n, pages: 300})
		m.host(1000+100*n, 5000+80*n, 20*n, time.Duration(n)*100*time.Millisecond)
		m.write(procPath(self, fmt.Sprintf("task/%d/schedstat", tid)), fmt.Sprintf("%d %d %d\n", n*150_000_000, n*n*1_000_000, n*10))
	}
	synctest.Test(t, func(t *testing.T) {
		second(0)
		var heard atomic.Int32
		begin := time.Now()
		w, err := Start(Options{PID: 100000001, PacerTID: func() int { return tid }, OnSample: func(Reading) { heard.Add(1) }, files: m.root})
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 6; n++ {
			synctest.Wait()
			second(n)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		w.Stop()
		w.Stop() // as often as one likes
		series := w.Series()
		if len(series) != 6 || heard.Load() != 6 {
			t.Fatalf("%d readings, %d heard; want 6", len(series), heard.Load())
		}
		for i, r := range series {
			if r.At.Sub(begin) != time.Duration(i+1)*time.Second || r.Span != time.Second {
				t.Errorf("reading %d is of %v, %v long", i, r.At.Sub(begin), r.Span)
			}
		}
		got := w.Between(begin, begin.Add(4*time.Second), 1000, 500)
		page := int64(os.Getpagesize())
		want := result.Resources{
			Tool:   result.Process{PID: self, Cores: 0.2, CPUPerRequest: 800, RSSMax: 104 * page, PSSMax: 366 << 10, Threads: 3, GCPauseMax: got.Tool.GCPauseMax, PacerCores: 0.15, RunQueueShare: 0.004, RunQueueP99: 0.7},
			Target: &result.Process{PID: 100000001, Cores: 0.8, CPUPerRequest: 6400, RSSMax: 500 * page, PSSMax: 2 * 366 << 10, Threads: 6, Voluntary: 40, Involuntary: 4},
			Host:   result.Host{Steal: 0.1, Busy: 0.5, CPUPressure: 0.1},
		}
		if a, b := rounded(t, got), rounded(t, want); a != b {
			t.Errorf("between:\n got %s\nwant %s", a, b)
		}
		seconds := []result.Second{{T: 0}, {T: 1.5}, {T: 90}}
		w.Fill(seconds, begin)
		if s := seconds[0]; !near(s.ToolCPU, 0.2) || !near(s.TargetCPU, 0.8) || s.RSS != 500*page {
			t.Errorf("second 0 is %+v", s)
		}
		if s := seconds[1]; !near(s.ToolCPU, 0.2) || !near(s.TargetCPU, 0.8) {
			t.Errorf("a second across two readings is %+v", s)
		}
		if !reflect.DeepEqual(seconds[2], result.Second{T: 90}) {
			t.Errorf("a second without readings is %+v", seconds[2])
		}
		if notes := w.Notes(); len(notes) > 0 {
			t.Errorf("notes: %q", notes)
		}
	})
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// rounded is a value for comparison: sums of floating-point numbers differ in their last digits.
func rounded(t *testing.T, r result.Resources) string {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	var round func(v any) any
	round = func(v any) any {
		switch x := v.(type) {
		case float64:
			return math.Round(x*1e6) / 1e6
		case map[string]any:
			for k := range x {
				x[k] = round(x[k])
			}
		}
		return v
	}
	if text, err = json.Marshal(round(v)); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTargetThatIsStartedAgain(t *testing.T) {
	m := newMachine(t)
	m.process(fakeProcess{pid: os.Getpid(), parent: 1})
	m.host(1, 1, 0, 0)
	synctest.Test(t, func(t *testing.T) {
		m.process(fakeProcess{pid: 100000001, parent: 1, start: 6, cpu: 500})
		begin := time.Now()
		w, err := Start(Options{PID: 100000001, files: m.root})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		m.process(fakeProcess{pid: 100000001, parent: 1, start: 7, cpu: 1})
		time.Sleep(time.Second)
		w.Stop()
		if r := w.Between(begin, begin.Add(time.Second), 1, 1); r.Target == nil || r.Target.Restarted {
			t.Errorf("before: %+v", r.Target)
		}
		if r := w.Between(begin, time.Now(), 1, 1); r.Target == nil || !r.Target.Restarted || r.Target.Cores < 0 {
			t.Errorf("after: %+v", r.Target)
		}
	})
}

func TestWhatCannotBeWatched(t *testing.T) {
	m := newMachine(t)
	w, err := Start(Options{PID: 5, PacerTID: os.Getpid, files: m.root})
	if err != nil {
		t.Fatal(err)
	}
	w.Stop()
	notes := w.Notes()
	if len(notes) != 1 || !strings.Contains(notes[0], "no /proc") {
		t.Errorf("notes: %q", notes)
	}
	if r := w.Between(time.Time{}, time.Now(), 1, 1); r.Target != nil || r.Metrics != nil || r.Host.CPUPressure != -1 || r.Tool.Cores != 0 {
		t.Errorf("without anything to read: %+v", r)
	}
	m.host(1, 1, 0, 0)
	if _, err := Start(Options{PID: 5, files: m.root}); err == nil {
		t.Error("a process that is not there is watched")
	} else {
		contains(t, "error", err.Error(), "5: there is none of that id")
	}
	m.write(procPath(5, "stat"), "nonsense")
	if _, err := Start(Options{PID: 5, files: m.root}); err == nil {
		t.Error("nonsense is watched")
	}
	if _, err := Start(Options{Every: time.Millisecond}); err == nil {
		t.Error("a machine is read each millisecond")
	}
}

func TestMetricsOnTheWay(t *testing.T) {
	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := served.Add(1)
		if n == 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "nv_inference_request_success{model=\"a\"} %d\nnv_inference_count %d\nnv_inference_exec_count %d\nnv_inference_pending_request_count %d\n", 100*n, 300*n, 100*n, n)
	}))
	defer server.Close()
	enough := make(chan struct{})
	w, err := Start(Options{MetricsURL: server.URL, Every: leastEvery, OnSample: func(Reading) {
		if served.Load() == 8 {
			enough <- struct{}{}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-enough
	w.Stop()
	got := w.Between(time.Time{}, time.Now(), 0, 0).Metrics
	if n := float64(served.Load() - 1); got == nil || got.Source != "triton" || math.Abs(got.Answered-100*n) > 1e-6*n || got.QueueMax != n+1 || !near(math.Round(got.BatchMean*1e6)/1e6, 3) {
		t.Errorf("%+v after %d scrapes", got, served.Load())
	}
	if notes := w.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "status is 503") {
		t.Errorf("notes: %q", notes)
	}
	seconds := []result.Second{{T: 0}}
	w.Fill(seconds, w.Series()[0].At)
	if seconds[0].Queue <= 0 {
		t.Errorf("the second has no queue: %+v", seconds[0])
	}
}

func TestUnknownServerIsAskedOnce(t *testing.T) {
	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		fmt.Fprintln(w, "up 1")
	}))
	defer server.Close()
	enough := make(chan struct{}, 1000)
	w, err := Start(Options{MetricsURL: server.URL, Every: leastEvery, OnSample: func(Reading) { enough <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-enough
	}
	w.Stop()
	if notes := w.Notes(); served.Load() != 1 || len(notes) != 1 || !strings.Contains(notes[0], "neither Sluice's nor Triton's") {
		t.Errorf("asked %d times, notes %q", served.Load(), notes)
	}
}

// What lies in a window and what lies beside it are together what there was, wherever it is cut.
func TestWindowsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := time.Unix(1_800_000_000, 0)
		at := begin
		var series []Reading
		for range rapid.IntRange(1, 20).Draw(t, "readings") {
			span := time.Duration(rapid.Int64Range(1, int64(3*time.Second)).Draw(t, "span"))
			at = at.Add(span)
			series = append(series, Reading{At: at, Span: span, Tool: Usage{PID: 1, Cores: rapid.Float64Range(0, 4).Draw(t, "cores")}, Rates: &Rates{Accepted: rapid.Float64Range(0, 1e5).Draw(t, "rate")}, RatesSpan: span})
		}
		total := at.Sub(begin)
		cut := begin.Add(time.Duration(rapid.Int64Range(0, int64(total)).Draw(t, "cut")))
		part := func(from, to time.Time) (cpu, accepted float64) {
			r := between(series, from, to, 1, 1)
			if r.Metrics != nil {
				accepted = r.Metrics.Accepted
			}
			return r.Tool.CPUPerRequest, accepted
		}
		cpu, accepted := part(begin, at)
		cpu1, accepted1 := part(begin, cut)
		cpu2, accepted2 := part(cut, at)
		if math.Abs(cpu1+cpu2-cpu) > 1e-6*(1+cpu) || math.Abs(accepted1+accepted2-accepted) > 1e-6*(1+accepted) {
			t.Fatalf("%v and %v are not %v; %v and %v are not %v", cpu1, cpu2, cpu, accepted1, accepted2, accepted)
		}
	})
}

func TestUpperTurns(t *testing.T) {
	f := func(all []turns, part, want float64) {
		t.Helper()
		if got := upperTurns(all, part); got != want {
			t.Errorf("%v of %v: %v, want %v", part, all, got, want)
		}
	}
	f(nil, 0.99, 0)
	f([]turns{{5, 0}}, 0.99, 0)
	f([]turns{{3, 1}, {1, 98}, {2, 1}}, 0.98, 1)
	f([]turns{{3, 1}, {1, 98}, {2, 1}}, 0.99, 2)
	f([]turns{{3, 1}, {1, 98}, {2, 1}}, 0.999, 3)
}

func TestCollectorPauses(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // none but the one below
	var p pauses
	p.look()
	if d := p.look(); d != 0 {
		t.Errorf("a pause of %v where there was none", d)
	}
	runtime.GC()
	if d := p.look(); d <= 0 || d > time.Minute {
		t.Errorf("a collection paused for %v", d)
	}
}

// BenchmarkLook is what watching this process costs, each second, without metrics.
func BenchmarkLook(b *testing.B) {
	w := &Watch{opt: Options{PID: os.Getpid(), PacerTID: os.Getpid, OnSample: func(Reading) {}, files: "/"}}
	if err := w.prepare(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.look()
	}
}
