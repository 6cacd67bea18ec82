package trace

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/task"
)

const (
	head  = `{"sluice_trace":1}` + "\n"
	head2 = `{"sluice_trace":2}` + "\n"
)

// read returns all arrivals of a text.
func read(text string) (Header, []Arrival, error) {
	r, err := NewReader(strings.NewReader(text))
	if err != nil {
		return Header{}, nil, err
	}
	all, err := rest(r.Next)
	return r.Header, all, err
}

func rest(next func(*Arrival) error) (all []Arrival, err error) {
	for {
		var a Arrival
		if err := next(&a); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		all = append(all, a)
	}
}

func TestReadsWhatTheFormatSays(t *testing.T) {
	h, got, err := read(`{"sluice_trace":1,"start":"2026-11-25T09:00:00.5Z","clock":"monotonic"}
{"t_ns":0,"model":"ranker","rows":8,"budget_ns":20000000,"bytes":1536,"shape":[8,48],"priority":"high"}
 { "model" : "e\u0074a" , "t_s" : 1.25e-3, "budget_s":0.1,"payload":"a/b" }
{"t_s":3600.000000001,"model":"ñ","priority":"low","shape":[]}
`)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 25, 9, 0, 0, 5e8, time.UTC); !h.Start.Equal(want) || h.Clock != "monotonic" {
		t.Errorf("header %+v", h)
	}
	want := []Arrival{
		{Model: "ranker", Rows: 8, Budget: 20 * time.Millisecond, Bytes: 1536, Shape: []int64{8, 48}, Priority: task.High},
		{At: 1250 * time.Microsecond, Model: "eta", Rows: 1, Budget: 100 * time.Millisecond, Priority: task.Normal, Payload: "a/b"},
		{At: time.Hour + 1, Model: "ñ", Rows: 1, Priority: task.Low},
	}
	for i := range want {
		if len(got[i].Shape) == 0 {
			got[i].Shape = nil
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("arrival %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// Version 2 tells of each request which version answered, which request it was, and what came of it.
func TestReadsVersion2(t *testing.T) {
	_, got, err := read(head2 + `{"t_ns":0,"model":"a","version":"3","id":"\u0001\"\\ü","status":"OK","late": true }
{"t_ns":1,"model":"a","status":"OVERLOADED","late":false}
{"t_ns":2,"model":"a"}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Arrival{{Version: "3", ID: "\x01\"\\ü", Status: "OK", Late: true}, {At: 1, Status: "OVERLOADED"}, {At: 2}}
	for i := range want {
		want[i].Model, want[i].Rows, want[i].Priority = "a", 1, task.Normal
		if got[i].Shape = nil; !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("arrival %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestFaultsNameTheirLine(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: error %v, want one with %q", text, err, want)
		}
	}
	f("", "line 1: the header is missing")
	f("\n", "line 1: the header: not a JSON object")
	f(`{}`, "line 1: the header: the key sluice_trace is missing")
	f(`{"sluice_trace":0}`, "version 0 is not known; this is a reader of versions 1 to 2")
	f(`{"sluice_trace":3}`, "version 3 is not known")
	f(`{"sluice_trace":1,"sluice_trace":1}`, "comes twice")
	f(`{"sluice_trace":1,"Clock":"x"}`, `there is no key "Clock"`)
	f(`{"sluice_trace":1,"start":"today"}`, `start "today" is not a time`)
	f(head, "line 1: the trace has no arrivals")
	f(head+`{"t_ns":1}`, "line 2: model is missing")
	f(head+`{"model":"a"}`, "line 2: the time is missing")
	f(head+`{"t_ns":5,"model":"a"}`+"\n"+`{"t_ns":4,"model":"a"}`, "line 3: the time goes back from 5ns to 4ns")
	f(head+`{"t_ns":5,"t_s":1,"model":"a"}`, "comes twice, or beside one that means the same")
	f(head+`{"t_ns":5,"model":"a","model":"b"}`, "comes twice")
	f(head+`{"t_ns":5,"model":"a","T_NS":1}`, `line 2: there is no key "T_NS"`)
	f(head+`{"t_ns":-1,"model":"a"}`, "the time -1ns is not between")
	f(head+`{"t_ns":1.5,"model":"a"}`, "t_ns: 1.5 is not a whole number")
	f(head+`{"t_ns":01,"model":"a"}`, "t_ns")
	f(head+`{"t_s":1e300,"model":"a"}`, "t_s: 1e300 s is not between")
	f(head+`{"t_ns":1,"model":"a","rows":0}`, "rows is 0")
	f(head+`{"t_ns":1,"model":"a","rows":99999999999}`, "rows is")
	f(head+`{"t_ns":1,"model":"a","bytes":-1}`, "bytes is -1")
	f(head+`{"t_ns":1,"model":"a","shape":[-1]}`, "the dimension -1")
	f(head+`{"t_ns":1,"model":"a","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}`, "more than 16")
	f(head+`{"t_ns":1,"model":"a","shape":[1 2]}`, "a comma or the list's end")
	f(head+`{"t_ns":1,"model":"a","priority":"urgent"}`, `priority: "urgent" is not one of`)
	f(head+`{"t_ns":1,"model":"a"} x`, "the line's end should be")
	f(head+`{"t_ns":1,"model":"a"`, "the line ends where")
	f(head+`{"t_ns":1,"model":"a`, "a string does not end")
	f(head+`{"t_ns":1,"model":"\q"}`, "is not a string")
	f(head+"{\"t_ns\":1,\"model\":\"\xff\"}", "is not a string")
	f(head+`{"t_ns":1 "model":"a"}`, "a comma or the object's end")
	f(head+`{"t_ns":1,"model":null}`, "a string")
	for _, field := range []string{`"version":"1"`, `"id":"a"`, `"status":"OK"`, `"late":true`} {
		f(head+`{"t_ns":1,"model":"a",`+field+`}`, "is of version 2 of the format, and the header says version 1")
		f(head2+`{"t_ns":1,"model":"a",`+field+`,`+field+`}`, "comes twice")
	}
	f(head2+`{"t_ns":1,"model":"a","id":7}`, "id: \"7}\" is where a string should be")
	f(head2+`{"t_ns":1,"model":"a","id":"`+strings.Repeat("a", MaxID+1)+`"}`, "has 129 bytes; it may have 128")
	f(head2+`{"t_ns":1,"model":"a","late":"true"}`, "true or false should be")
	f(head2+`{"t_ns":1,"model":"a","late":truer}`, "a comma or the object's end should be")
	f(head+`{"t_ns":1,"model":"a"}`+"\n\n"+`{"t_ns":1,"model":"a"}`, "line 3: not a JSON object")
	f(head+`{"t_ns":1,"model":"`+strings.Repeat("a", MaxLine)+`"}`, "line 2: longer than 1048576 bytes")
}

func TestWriterRefusesWhatNoReaderTakes(t *testing.T) {
	f := func(a Arrival, want string) {
		t.Helper()
		var out bytes.Buffer
		w, err := NewWriter(&out, Header{})
		if err != nil {
			t.Fatal(err)
		}
		good := Arrival{At: 7, Model: "a", Rows: 1}
		if err := w.Write(&good); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40v: error %v, want one with %q", a, err, want)
		}
		if err := errors.Join(w.Write(&good), w.Flush()); err != nil {
			t.Fatal(err)
		}
		if _, all, err := read(out.String()); err != nil || len(all) != 2 {
			t.Errorf("%.40v: left a trace of %d arrivals, error %v", a, len(all), err)
		}
	}
	f(Arrival{At: 6, Model: "a", Rows: 1}, "order of time")
	f(Arrival{At: 8, Rows: 1}, "model is missing")
	f(Arrival{At: 8, Model: "a"}, "rows is 0")
	f(Arrival{At: 8, Model: "\xff", Rows: 1}, "not UTF-8")
	f(Arrival{At: 8, Model: "a", Rows: 1, Budget: -1}, "budget")
	f(Arrival{At: 8, Model: "a", Rows: 1, Priority: 3}, "priority 3")
	f(Arrival{At: 8, Model: strings.Repeat("a", MaxLine), Rows: 1}, "a line may have")
	f(Arrival{At: 8, Model: "a", Rows: 1, ID: strings.Repeat("a", MaxID+1)}, "has 129 bytes; it may have 128")
	f(Arrival{At: 8, Model: "a", Rows: 1, ID: "\xff"}, "not UTF-8")
	f(Arrival{At: 8, Model: "a", Rows: 1, Version: "\xff"}, "not UTF-8")
	f(Arrival{At: 8, Model: "a", Rows: 1, Status: "\xff"}, "not UTF-8")
}

func TestFilesAreCompressedBySuffix(t *testing.T) {
	for _, name := range []string{"a.jsonl", "a.jsonl.gz"} {
		path := filepath.Join(t.TempDir(), name)
		o, err := Create(path)
		if err == nil {
			err = o.Begin(Header{Clock: "virtual"})
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if err := o.Write(&Arrival{At: time.Duration(i), Model: "a", Rows: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if packed := text[0] == 0x1f; packed != strings.HasSuffix(name, ".gz") {
			t.Errorf("%s: compressed %v", name, packed)
		}
		in, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := rest(in.Next); err != nil || len(all) != 1000 || in.Header.Clock != "virtual" {
			t.Errorf("%s: %d arrivals, clock %q, error %v", name, len(all), in.Header.Clock, err)
		}
		in.Close()
		// A file that was cut off is told from one that ended.
		if err := os.WriteFile(path, text[:len(text)-4], 0o600); err != nil {
			t.Fatal(err)
		}
		in, err = Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rest(in.Next); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: cut off, error %v", name, err)
		}
		in.Close()
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file was opened")
	}
}

// A trace begins with its first arrival, in both forms, and its time is that of this arrival.
func TestFilesBeginWithTheFirstArrival(t *testing.T) {
	f := func(text string, start time.Time, want ...time.Duration) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		all, err := rest(in.Next)
		var at []time.Duration
		for _, a := range all {
			at = append(at, a.At)
		}
		if err != nil || !reflect.DeepEqual(at, want) || !in.Header.Start.Equal(start) {
			t.Errorf("%q: arrivals at %v from %v on, error %v; want %v from %v on", text, at, in.Header.Start, err, want, start)
		}
	}
	const two = `{"t_s":3600,"model":"a"}` + "\n" + `{"t_s":3601.5,"model":"a"}` + "\n"
	f(head2+two, time.Time{}, 0, 1500*time.Millisecond)
	f(`{"sluice_trace":1,"start":"2026-11-25T09:00:00Z"}`+"\n"+two, time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC), 0, 1500*time.Millisecond)
	f("5000000\n0\n1\n", time.Time{}, 0, 0, time.Microsecond)
}

// A trace without a header of its own, or without arrivals, has an empty header.
func TestOutputWritesAHeader(t *testing.T) {
	for _, n := range []int{0, 1} {
		path := filepath.Join(t.TempDir(), "a")
		o, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			err = errors.Join(err, o.Write(&Arrival{Model: "a", Rows: 1}))
		}
		if err := errors.Join(err, o.Close()); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), head2) || strings.Count(string(text), "\n") != 1+n {
			t.Errorf("%d arrivals: %q, error %v", n, text, err)
		}
	}
}

// arrivals draws a trace.
func arrivals(t *rapid.T) []Arrival {
	var at time.Duration
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Arrival {
		at += time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "gap"))
		return Arrival{
			At:       at,
			Model:    rapid.StringN(1, 10, -1).Draw(t, "model"),
			Rows:     rapid.IntRange(1, MaxRows).Draw(t, "rows"),
			Budget:   time.Duration(rapid.Int64Range(0, int64(MaxTime)).Draw(t, "budget")),
			Bytes:    rapid.Int64Min(0).Draw(t, "bytes"),
			Shape:    rapid.SliceOfN(rapid.Int64Min(0), 0, MaxShape).Draw(t, "shape"),
			Priority: task.Priority(rapid.IntRange(0, task.Priorities-1).Draw(t, "priority")),
			Payload:  rapid.String().Draw(t, "payload"),
			Version:  rapid.String().Draw(t, "version"),
			ID:       rapid.StringN(0, -1, MaxID).Draw(t, "id"),
			Status:   rapid.SampledFrom([]string{"", OK, "OVERLOADED", "\"\x00"}).Draw(t, "status"),
			Late:     rapid.Bool().Draw(t, "late"),
		}
	}), 1, 20).Draw(t, "arrivals")
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := arrivals(t)
		h := Header{Clock: rapid.String().Draw(t, "clock")}
		if rapid.Bool().Draw(t, "started") {
			h.Start = time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "start"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, h)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if err := w.Write(&want[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		gotHeader, got, err := read(out.String())
		if err != nil {
			t.Fatal(err)
		}
		if gotHeader != h || len(got) != len(want) {
			t.Fatalf("header %+v, want %+v; %d arrivals, want %d", gotHeader, h, len(got), len(want))
		}
		for i := range want {
			if len(got[i].Shape)+len(want[i].Shape) == 0 {
				got[i].Shape, want[i].Shape = nil, nil
			}
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("arrival %d is %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

// FuzzReader holds the reader to its word: what it takes is within the format's limits and
// comes out the same after writing; what it refuses names a line.
func FuzzReader(f *testing.F) {
	f.Add(head + `{"t_ns":0,"model":"a","rows":8,"budget_ns":1,"bytes":1,"shape":[8,4],"priority":"high","payload":"x"}`)
	f.Add(head + `{"t_s":0.5,"model":"\u00e4\ud800","budget_s":1e-3}` + "\r\n")
	f.Add(head2 + `{"t_ns":0,"model":"a","version":"1","id":"\u0000\"é","status":"OK","late":true}`)
	f.Add(head2 + `{"t_ns":0,"model":"a","status":"OVERLOADED","late":false,"id":""}`)
	f.Add(head + `{"t_ns":0,"model":"a","late":true}`)
	f.Add(`{"sluice_trace":1,"start":"2026-11-25T09:00:00+01:00","clock":"wall"}` + "\n" + `{"t_ns":-1}`)
	f.Fuzz(func(t *testing.T, text string) {
		h, all, err := read(text)
		if err != nil && !strings.HasPrefix(err.Error(), "line ") {
			t.Fatalf("error without a line: %v", err)
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, h)
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			if err := w.Write(&all[i]); err != nil {
				t.Fatalf("read but not written: %v", err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			return
		}
		_, again, err := read(out.String())
		if err != nil || len(again) != len(all) {
			t.Fatalf("%d of %d arrivals after writing, error %v", len(again), len(all), err)
		}
		for i := range all {
			if len(all[i].Shape) == 0 {
				all[i].Shape, again[i].Shape = nil, nil
			}
			if !reflect.DeepEqual(all[i], again[i]) {
				t.Fatalf("arrival %+v became %+v", all[i], again[i])
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	line := `{"t_ns":0,"model":"ranker","rows":8,"budget_ns":20000000,"bytes":1536,"version":"1","id":"0af7651916cd43dd8448eb211c80319c","status":"OK"}` + "\n"
	text := head2 + strings.Repeat(line, 100_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r, err := NewReader(strings.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		var a Arrival
		for r.Next(&a) == nil {
		}
	}
}
