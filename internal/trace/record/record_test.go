package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start records into a new folder.
func start(t *testing.T, o Options) (*Recorder, *observer.ObservedLogs) {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "a.jsonl")
	}
	core, logs := observer.New(zap.InfoLevel)
	o.Log = zap.New(core)
	r, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return r, logs
}

func finish(t *testing.T, r *Recorder) []trace.Arrival {
	t.Helper()
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return read(t, r.opt.Path)
}

func read(t *testing.T, path string) (all []trace.Arrival) {
	t.Helper()
	f, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		var a trace.Arrival
		switch err := f.Next(&a); {
		case errors.Is(err, io.EOF), errors.Is(err, trace.ErrEmpty):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, a)
	}
}

func times(all []trace.Arrival) (ms []int64) {
	for _, a := range all {
		ms = append(ms, a.At.Milliseconds())
	}
	return ms
}

func TestArrivalsAreWrittenInOrder(t *testing.T) {
	for _, name := range []string{"a.jsonl", "a.jsonl.gz"} {
		path := filepath.Join(t.TempDir(), name)
		synctest.Test(t, func(t *testing.T) {
			r, logs := start(t, Options{Path: path})
			begin := clock.Now()
			put := func(ms int) {
				r.Arrived(&Arrival{At: begin.Add(time.Duration(ms) * time.Millisecond), Model: "a", Rows: 1}, nil)
			}
			put(-5) // it had come before recording began
			for range 20 {
				time.Sleep(10 * time.Millisecond)
				now := int(clock.Now().Sub(begin).Milliseconds())
				put(now)
				put(now - 7)
			}
			time.Sleep(2 * time.Second)
			put(50) // told much later than it came
			put(2500)
			first := Arrival{At: begin.Add(3 * time.Second), Model: "b", Rows: 8, Bytes: 99, Dims: 2, Budget: 20 * time.Millisecond, Priority: task.High}
			copy(first.Shape[:], []int64{8, 48})
			r.Arrived(&first, nil)
			r.Arrived(&Arrival{At: begin.Add(4 * time.Second), Model: "c", Rows: -1, Bytes: -1, Dims: 1, Shape: [trace.MaxShape]int64{-3}, Budget: -1}, nil)
			all := finish(t, r)
			got := times(all)
			if len(got) != 45 || !slices.IsSorted(got) || !slices.Equal(got[:4], []int64{0, 8, 15, 18}) || !slices.Equal(got[39:], []int64{198, 205, 205, 2505, 3005, 4005}) {
				t.Errorf("%s: %d arrivals at %v", name, len(got), got)
			}
			if b := all[43]; b.Model != "b" || b.Rows != 8 || b.Bytes != 99 || !slices.Equal(b.Shape, []int64{8, 48}) || b.Budget != 20*time.Millisecond || b.Priority != task.High {
				t.Errorf("%+v", b)
			}
			if c := all[44]; c.Rows != 1 || c.Bytes != 0 || len(c.Shape) != 0 || c.Budget != 0 {
				t.Errorf("what no trace can hold became %+v", c)
			}
			if s := r.Stats(); s.Arrivals != 45 || s.Dropped != 0 || s.Active {
				t.Errorf("%+v", s)
			}
			if n := logs.Len(); n != 2 || logs.All()[1].Message != "recording has ended" {
				t.Errorf("%d lines: %v", n, logs.All())
			}
		})
	}
}

// Requests that take long are told long after they came. Once one has shown how long, the others keep their
// times beside those that are told at once.
func TestSlowRequestsKeepTheirTimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	synctest.Test(t, func(t *testing.T) {
		r, _ := start(t, Options{Path: path})
		begin := clock.Now()
		const every, takes = 100, 1500 // ms
		for at := every; at <= 40*every; at += every {
			time.Sleep(every * time.Millisecond)
			for _, came := range []int{at, at - takes + 1} {
				if came > 0 {
					r.Arrived(&Arrival{At: begin.Add(time.Duration(came) * time.Millisecond), Model: "a"}, nil)
				}
			}
		}
		got := times(finish(t, r))
		for at := takes + 1; at < 25*every; at += every { // those before had been passed when the first was told
			if !slices.Contains(got, int64(at-every)) { // from the first that was told on
				t.Errorf("the arrival at %d ms was written at another time", at)
			}
		}
		if !slices.IsSorted(got) {
			t.Errorf("times are %v", got)
		}
	})
}

// A gateway that idles records nothing: the trace begins with the first request, and its age with it.
func TestTraceBeginsWithTheFirstArrival(t *testing.T) {
	for _, name := range []string{"a.jsonl", "a.jsonl.gz"} {
		path := filepath.Join(t.TempDir(), name)
		synctest.Test(t, func(t *testing.T) {
			r, logs := start(t, Options{Path: path, MaxAge: time.Minute})
			time.Sleep(time.Hour)
			if s := r.Stats(); !s.Active || s.Bytes != 0 {
				t.Errorf("%s: after an idle hour: %+v", name, s)
			}
			began := time.Now()
			for range 10 {
				r.Arrived(&Arrival{At: clock.Now(), Model: "a"}, nil)
				time.Sleep(5 * time.Second)
			}
			if !r.Stats().Active {
				t.Errorf("%s: it has ended before its age", name)
			}
			time.Sleep(time.Minute)
			if n := logs.FilterMessage("recording has ended").Len(); n != 1 || r.Stats().Active {
				t.Errorf("%s: it has ended %d times by its age", name, n)
			}
			r.Arrived(&Arrival{At: clock.Now(), Model: "a"}, nil)
			finish(t, r)
			offsets, h := raw(t, path)
			if want := []int64{0, 5000, 10000, 15000, 20000, 25000, 30000, 35000, 40000, 45000}; !slices.Equal(offsets, want) || !h.Start.Equal(began) || h.Clock != "monotonic" {
				t.Errorf("%s: arrivals at %v from %v on, want %v from %v on", name, offsets, h.Start, want, began)
			}
		})
	}
}

// raw is the offsets in a file as they stand there, in ms, and its header.
func raw(t *testing.T, path string) ([]int64, trace.Header) {
	t.Helper()
	f, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, all := f.Header, []trace.Arrival(nil)
	for {
		var a trace.Arrival
		switch err := f.Source.Next(&a); {
		case errors.Is(err, io.EOF):
			return times(all), h
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, a)
	}
}

func TestWhatCameOfARequest(t *testing.T) {
	r, _ := start(t, Options{MaxBytes: 1 << 20})
	long := strings.Repeat("x", trace.MaxID)
	f := func(id string, kind fault.Kind, late bool) {
		a := Arrival{At: clock.Now(), Model: "a", Version: "3", Fault: kind, Late: late}
		a.SetID([]byte(id))
		r.Arrived(&a, nil)
	}
	f("0af7651916cd43dd8448eb211c80319c", fault.None, false)
	f("\"}\n\\", fault.None, true)
	f(long+"y", fault.Overloaded, false)
	f("a\xffb", fault.Internal, false)
	f(strings.Repeat("\x01", trace.MaxID), fault.None, false)
	f("", fault.None, false)
	var got []string
	for _, a := range finish(t, r) {
		got = append(got, fmt.Sprintf("%s %q %s %v", a.Version, a.ID, a.Status, a.Late))
	}
	want := []string{
		`3 "0af7651916cd43dd8448eb211c80319c" OK false`, `3 "\"}\n\\" OK true`, `3 "` + long + `" OVERLOADED false`,
		`3 "a?b" INTERNAL false`, `3 "` + strings.Repeat(`\x01`, trace.MaxID) + `" OK false`, `3 "" OK false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the trace has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLimitsEndRecording(t *testing.T) {
	f := func(name string, o Options, reason string, most int64) {
		t.Helper()
		o.Path = filepath.Join(t.TempDir(), "a.jsonl")
		synctest.Test(t, func(t *testing.T) {
			r, logs := start(t, o)
			for i := range 200 {
				time.Sleep(10 * time.Millisecond)
				a := Arrival{At: clock.Now(), Model: "a", Rows: 1}
				a.SetID(bytes.Repeat([]byte{1}, i%(trace.MaxID+1)))
				r.Arrived(&a, &trace.Payload{Protocol: "v2", Header: -1, Body: []byte(fmt.Sprint("body ", i))})
			}
			if r.Stats().Active || r.Payloads() {
				t.Errorf("%s: recording goes on", name)
			}
			all := finish(t, r)
			if len(all) == 0 || len(all) >= 200 || all[len(all)-1].At > 2*time.Second {
				t.Errorf("%s: %d arrivals", name, len(all))
			}
			var size int64
			for _, path := range []string{o.Path, trace.PayloadsPath(o.Path)} {
				if info, err := os.Stat(path); err == nil {
					size += info.Size()
				}
			}
			if size > most || size != r.Stats().Bytes {
				t.Errorf("%s: %d bytes, of which it knows %d; at most %d", name, size, r.Stats().Bytes, most)
			}
			if n := logs.Len(); n != 2 || !strings.Contains(fmt.Sprint(logs.All()[1].ContextMap()["reason"]), reason) {
				t.Errorf("%s: %d lines: %v", name, n, logs.All())
			}
			payloads, err := trace.LoadPayloads(o.Path, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range all {
				if o.Payloads == (payloads[a.Payload] == nil) {
					t.Errorf("%s: the payload of %+v is %v", name, a, payloads[a.Payload])
				}
			}
		})
	}
	f("bytes", Options{MaxBytes: 3000}, "record.max_bytes", 3000)
	f("bytes with payloads", Options{MaxBytes: 8000, Payloads: true}, "record.max_bytes", 8000)
	f("age", Options{MaxAge: time.Second, Payloads: true}, "record.max_age", 1<<20)
}

// Nothing is written while the test puts in more than the ring holds.
func TestWhatDoesNotFitIsDroppedAndTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	synctest.Test(t, func(t *testing.T) {
		r, logs := start(t, Options{Path: path, Payloads: true})
		body := make([]byte, 16<<20)
		for i := range ringSize + 5 {
			var p *trace.Payload
			if i < 10 {
				p = &trace.Payload{Protocol: "v2", Header: -1, Body: body[i:]}
			}
			r.Arrived(&Arrival{At: clock.Now(), Model: "a"}, p)
		}
		time.Sleep(time.Second)
		if s := r.Stats(); s.Dropped != 5 || s.PayloadsDropped != 2 || s.Arrivals != ringSize {
			t.Errorf("%+v", s)
		}
		if n := logs.FilterMessageSnippet("dropped").Len(); n != 1 {
			t.Errorf("%d lines tell of drops", n)
		}
		if all := finish(t, r); len(all) != ringSize {
			t.Errorf("%d arrivals", len(all))
		}
		if n := r.bodies.waiting.Load(); n != 0 {
			t.Errorf("%d bytes of bodies are still counted", n)
		}
	})
}

func TestPayloadsAreKeptOnce(t *testing.T) {
	r, _ := start(t, Options{Payloads: true})
	for i := range 30 {
		body := bytes.Repeat([]byte{byte(i % 3)}, 1000*(1+i%3))
		r.Arrived(&Arrival{At: clock.Now(), Model: "a"}, &trace.Payload{Protocol: "v2", Type: "application/octet-stream", Encoding: "gzip", Header: 7, Body: body})
		clear(body) // it is the request's own
	}
	r.Arrived(&Arrival{At: clock.Now(), Model: "a"}, nil)
	r.Arrived(&Arrival{At: clock.Now(), Model: "a"}, &trace.Payload{Protocol: "v2", Header: 7}) // beyond its body
	all := finish(t, r)
	payloads, err := trace.LoadPayloads(r.opt.Path, 1<<20)
	if err != nil || len(payloads) != 3 || len(all) != 32 {
		t.Fatalf("%d payloads of %d arrivals, error %v", len(payloads), len(all), err)
	}
	for i, a := range all[:30] {
		if p := payloads[a.Payload]; p == nil || !bytes.Equal(p.Body, bytes.Repeat([]byte{byte(i % 3)}, 1000*(1+i%3))) || p.Type != "application/octet-stream" || p.Encoding != "gzip" || p.Header != 7 {
			t.Errorf("arrival %d has the payload %.60v", i, p)
		}
	}
	if all[30].Payload != "" || all[31].Payload != "" || r.Stats().PayloadsDropped != 1 {
		t.Errorf("%+v", all[30:])
	}
	if info, err := os.Stat(trace.PayloadsPath(r.opt.Path)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the bodies: %v, %v", info.Mode(), err)
	}
}

// Each arrival of many goroutines is in the trace once, or was counted as dropped.
func TestManyPutTogether(t *testing.T) {
	r, _ := start(t, Options{Payloads: true})
	const each, putters = 3000, 8
	var wg sync.WaitGroup
	for g := range putters {
		wg.Go(func() {
			for i := range each {
				id := g*each + i
				r.Arrived(&Arrival{At: clock.Now(), Model: "a", Rows: id + 1}, &trace.Payload{Protocol: "v1", Header: -1, Body: []byte(fmt.Sprint(id + 1))})
			}
		})
	}
	wg.Wait()
	all := finish(t, r)
	payloads, err := trace.LoadPayloads(r.opt.Path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, a := range all {
		if seen[a.Rows] {
			t.Fatalf("arrival %d is there twice", a.Rows)
		}
		seen[a.Rows] = true
		if a.Payload != "" && string(payloads[a.Payload].Body) != fmt.Sprint(a.Rows) {
			t.Fatalf("arrival %d has the payload of %s", a.Rows, payloads[a.Payload].Body)
		}
	}
	if s := r.Stats(); len(all)+int(s.Dropped) != each*putters || int(s.Arrivals) != len(all) {
		t.Errorf("%d arrivals and %+v", len(all), s)
	}
}
