package load

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/task"
)

const recorded = `{"sluice_trace":1,"start":"2026-11-25T09:00:00Z","clock":"monotonic"}
{"t_ns":0,"model":"ranker","rows":8,"shape":[8,48],"budget_ns":20000000,"bytes":1536,"priority":"high"}
{"t_s":0.001,"model":"eta"}
{"t_ns":1000000,"model":"ranker","rows":8,"shape":[8,48],"budget_ns":20000000,"bytes":1536,"priority":"high"}
{"t_ns":4000000,"model":"ranker","rows":8,"shape":[4,96],"budget_ns":20000000,"bytes":1536,"priority":"high"}
{"t_ns":5000000,"model":"eta","payload":"a"}
`

// write makes a file and returns its name.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTraceInstants(t *testing.T) {
	f := func(name, text, suffix string, o Options, length time.Duration, want ...time.Duration) {
		t.Helper()
		s, err := Draw(mustParse(t, "trace:"+write(t, name, text)+suffix), o)
		if err != nil {
			t.Error(err)
			return
		}
		if got := instants(s); !reflect.DeepEqual(got, want) || s.Length != length || s.Kinds != nil {
			t.Errorf("%s%s: arrivals %v in %v, kinds %v; want %v in %v", name, suffix, got, s.Length, s.Kinds, want, length)
		}
	}
	f("a.jsonl", recorded, "", Options{}, 5*ms, 0, ms, ms, 4*ms, 5*ms)
	f("a.jsonl", recorded, ",speed=2", Options{}, 5*ms/2, 0, ms/2, ms/2, 2*ms, 5*ms/2)
	f("a.jsonl", recorded, ",speed=0.5", Options{Length: time.Second}, 10*ms, 0, 2*ms, 2*ms, 8*ms, 10*ms)
	f("a.jsonl", recorded, "", Options{Length: 4 * ms}, 4*ms, 0, ms, ms)
	f("a.txt", "1000\n0\n500\n", "", Options{}, ms/2, 0, 0, ms/2)
	f("a.txt", "1000\r\n2000", "", Options{}, 2*ms, 0, 2*ms)
	f("a.txt", "1000\n2000", "", Options{Models: []string{"x"}}, 2*ms, 0, 2*ms)
	const late = `{"sluice_trace":1}
{"t_s":3600,"model":"a"}
{"t_s":3600.002,"model":"a"}
{"t_s":3600.006,"model":"a"}
`
	f("a.jsonl", late, "", Options{}, 6*ms, 0, 2*ms, 6*ms)
	f("a.jsonl", late, ",speed=2", Options{Length: 2 * ms}, 2*ms, 0, ms)
}

func TestCompressedTraces(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, recorded)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := Draw(mustParse(t, "trace:"+write(t, "a.jsonl.gz", b.String())), Options{})
	if err != nil || len(s.Arrivals) != 5 {
		t.Fatalf("%+v, error %v", s, err)
	}
}

func TestKinds(t *testing.T) {
	s, err := Draw(mustParse(t, "trace:"+write(t, "a.jsonl", recorded)), Options{Seed: 1, Variants: 9, Models: []string{"eta", "ranker"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Kind{
		{Model: "ranker", Rows: 8, Shape: []int64{8, 48}, Budget: 20 * ms, Priority: task.High, N: 2, Line: 2},
		{Model: "eta", Rows: 1, Priority: task.Normal, N: 1, Line: 3},
		{Model: "ranker", Rows: 8, Shape: []int64{4, 96}, Budget: 20 * ms, Priority: task.High, N: 1, Line: 5},
		{Model: "eta", Rows: 1, Priority: task.Normal, Payload: "a", N: 1, Line: 6},
	}
	if fmt.Sprint(s.Kinds) != fmt.Sprint(want) {
		t.Errorf("kinds %+v,\nwant %+v", s.Kinds, want)
	}
	variants := func() (v []uint16) {
		for _, a := range s.Arrivals {
			v = append(v, a.Variant)
		}
		return v
	}
	if got := variants(); !reflect.DeepEqual(got, []uint16{0, 1, 0, 2, 3}) {
		t.Errorf("the arrivals' kinds are %v", got)
	}
	before := s.SHA256
	if err := s.Assign(1, []Span{{100, 1}, {200, 50}, {300, 1}, {65535, 1}}); err != nil {
		t.Fatal(err)
	}
	got := variants()
	if got[1] < 200 || got[1] >= 250 {
		t.Errorf("the variant %d is not of the span", got[1])
	}
	if got[1] = 200; !reflect.DeepEqual(got, []uint16{100, 200, 100, 300, 65535}) {
		t.Errorf("the arrivals' variants are %v", got)
	}
	if s.SHA256 == before || s.SHA256 != Hash(s.Arrivals) {
		t.Error("the hash is not of the arrivals as they are now")
	}
	for _, spans := range [][]Span{nil, {{0, 1}}, {{0, 1}, {0, 1}, {0, 1}, {0, 0}}, {{0, 1}, {0, 1}, {0, 1}, {65535, 2}}, {{0, 1}, {0, 1}, {0, 1}, {-1, 1}}} {
		if err := s.Assign(1, spans); err == nil {
			t.Errorf("the spans %v are taken", spans)
		}
	}
}

// What came of a recorded request makes no other request of it.
func TestOutcomesAreNoKinds(t *testing.T) {
	text := `{"sluice_trace":2}` + "\n"
	for i, status := range []string{"OK", "OK", "OVERLOADED"} {
		text += fmt.Sprintf(`{"t_ns":%d,"model":"a","version":"%d","id":"x%d","status":"%s","late":%v}`+"\n", i, i, i, status, i == 1)
	}
	s, err := Draw(mustParse(t, "trace:"+write(t, "a.jsonl", text)), Options{Models: []string{"a"}})
	if err != nil || len(s.Kinds) != 1 || s.Kinds[0].N != 3 {
		t.Errorf("%+v, error %v", s, err)
	}
	d := describe(t, text)
	got := fmt.Sprintf("%s; %s; %d late", list(d.Versions), list(d.Statuses), d.Late)
	if want := "a/0 33.3 %, a/1 33.3 %, a/2 33.3 %; OK 66.7 %, OVERLOADED 33.3 %; 1 late"; got != want {
		t.Errorf("described as %s, want %s", got, want)
	}
}

func TestBadTracesAreRefused(t *testing.T) {
	header, _, _ := strings.Cut(recorded, "\n")
	f := func(text, want string, models ...string) {
		t.Helper()
		path := write(t, "t", text)
		_, err := Draw(mustParse(t, "trace:"+path), Options{Models: models})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%.60q: error %v, want one with the path and %q", text, err, want)
		}
	}
	f("", "line 1: the trace has no arrivals")
	f(header, "line 1: the trace has no arrivals")
	f("\n", "line 1: \"\" is not a whole number of microseconds")
	f("100\nx\n", `line 2: "x" is not a whole number of microseconds`)
	f("100\n-5\n", "line 2: the interval is -5 µs: times go backwards")
	f("100\n1.5\n", "line 2")
	f("9223372036854775807\n", "line 1: the intervals add up to more than")
	f("300000000000000\n300000000000000\n", "line 2: the intervals add up to more than")
	f(strings.Repeat("1", 1<<17), "line 1: cannot read the intervals")
	f(header+"\n{\"t_ns\":5,\"model\":\"a\"}\n{\"t_ns\":4,\"model\":\"a\"}\n", "line 3: the time goes back")
	f(recorded, `line 3: the model "eta" is not one of ["ranker" "x"]`, "ranker", "x")
	f("{}", "the key sluice_trace is missing")

	if _, err := Draw(mustParse(t, "trace:/nowhere/x"), Options{}); err == nil || !strings.Contains(err.Error(), "cannot open the trace") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Draw(mustParse(t, "trace:"+write(t, "a.gz", recorded)), Options{}); err == nil || !strings.Contains(err.Error(), "should be compressed") {
		t.Errorf("a file that is not compressed: %v", err)
	}
}

func TestTooManyKinds(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"sluice_trace":1}` + "\n")
	for i := range MaxVariants + 1 {
		fmt.Fprintf(&b, `{"t_ns":%d,"model":"a","rows":%d}`+"\n", i, i+1)
	}
	_, err := Draw(mustParse(t, "trace:"+write(t, "t", b.String())), Options{Models: []string{"a"}})
	if err == nil || !strings.Contains(err.Error(), "line 65538: there are more than 65536 different requests") {
		t.Errorf("error %v", err)
	}
}
