package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/chart"
	"sluice/loadtest/result"
)

// outline is what the tests want to know of a page.
type outline struct {
	counts map[string]int    // of elements, and of classes with a dot before them
	words  map[string]string // text by element
	charts []string          // titles of the drawings
}

// read checks that a page is well-formed.
func read(t interface{ Fatal(...any) }, text string) outline {
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "<!doctype html>")))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta"}, xml.HTMLEntity
	o := outline{counts: map[string]int{}, words: map[string]string{}}
	var path []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return o
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			o.counts[token.Name.Local]++
			for _, a := range token.Attr {
				if a.Name.Local == "class" {
					o.counts["."+a.Value]++
				}
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) == 0 {
				continue
			}
			name := path[len(path)-1]
			o.words[name] += string(token) + "\n"
			if name == "title" && len(path) > 1 && path[len(path)-2] == "svg" {
				o.charts = append(o.charts, string(token))
			}
		}
	}
}

// Each page is one well-formed file that asks for nothing else, and has no number that is none.
func TestPagesStandAlone(t *testing.T) {
	for name, render := range pages() {
		var out bytes.Buffer
		if err := render(&out); err != nil {
			t.Fatal(name, err)
		}
		text := out.String()
		for _, bad := range []string{"http://", "https://", "//", "<script", "<img", "<link", "<iframe", "url(", "@import", "NaN", "Inf", "ZgotmplZ", "<no value>", "%!", "<resnet18>", "<b>\"", "\x1b"} {
			if i := strings.Index(text, bad); i >= 0 {
				t.Errorf("%s has %q: %q", name, bad, text[max(i-40, 0):min(i+40, len(text))])
			}
		}
		o := read(t, text)
		if o.counts["h1"] != 1 || strings.TrimSpace(o.words["h1"]) == "" {
			t.Errorf("%s has no verdict", name)
		}
		if o.counts["svg"] != o.counts["figure"] {
			t.Errorf("%s has %d drawings in %d figures", name, o.counts["svg"], o.counts["figure"])
		}
		// Two axes have two labels.
		if horizontal := strings.Count(text, `class="name"`); horizontal == 0 && o.counts[".label"] != 2*o.counts["svg"] {
			t.Errorf("%s has %d labels for %d drawings", name, o.counts[".label"], o.counts["svg"])
		}
		if !strings.Contains(o.words["dt"], "Response") || !strings.Contains(o.words["dd"], "intended") && !strings.Contains(o.words["dd"], "schedule") {
			t.Errorf("%s does not say what response is", name)
		}
	}
}

// Whatever a result says, both forms can be written, and the page is well-formed.
func TestAnyResultCanBeWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.Make[result.Result]().Draw(t, "result")
		var out bytes.Buffer
		if err := Text(&out, &r); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		if err := HTML(&out, &r); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if o := read(t, text); o.counts["h1"] != 1 || o.counts["svg"] != o.counts["figure"] {
			t.Fatalf("counts %v", o.counts)
		}
		for _, attribute := range []string{"NaN\"", "Inf\"", "NaN ", "Inf "} {
			if i := strings.Index(text, attribute); i >= 0 {
				t.Fatalf("%q", text[max(i-80, 0):min(i+40, len(text))])
			}
		}
		out.Reset()
		if err := CompareHTML(&out, &r, exampleRun(), &r); err != nil {
			t.Fatal(err)
		}
		read(t, out.String())
	})
}

func TestPagesHaveTheirCharts(t *testing.T) {
	f := func(r *result.Result, want ...string) {
		t.Helper()
		var out bytes.Buffer
		if err := HTML(&out, r); err != nil {
			t.Fatal(err)
		}
		if got := read(t, out.String()).charts; strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s has the charts\n%s\nwant\n%s", r.Command, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	run := []string{
		"Response latency of each second", "Latency spectrum", "Rates, by second", "In flight, by second", "How the requests of each second ended", "CPU, by second",
		"Memory of the target, by second", "GPU, by second", "Batch over time, by second", "Spilled and shed, by second", "Lag over time, by second", "Stages of the response latency", "Answers by the size of their batch",
	}
	f(exampleRun(), run...)
	both := slices.DeleteFunc(slices.Clone(run), func(title string) bool { return title == "Latency spectrum" }) // each side has its own
	f(exampleAB(), append([]string{"Ratios of B to A with their confidence intervals", "Latency spectrum of both"}, both...)...)
	f(exampleCapacity(), "Response latency against the offered rate", "Good answers against the offered rate", "Errors against the offered rate", "CPU against the offered rate")
	f(exampleEmpty())
	bare := exampleRun()
	bare.Stages, bare.Batches = []result.Stage{{Name: "lag", Mean: 1, P50: 1}}, nil
	for i := range bare.Series {
		s := &bare.Series[i]
		s.GPU, s.RSS, s.ToolCPU, s.TargetCPU, s.Batch, s.Spills, s.Sheds, s.Lag = 0, 0, 0, 0, 0, 0, 0, 0
	}
	f(bare, append(run[:5:5], run[11])...)
	if p := stages(bare); p.Table.Rows[0].Cells[4] != none {
		t.Errorf("a p99 that is not given is shown as %q", p.Table.Rows[0].Cells[4])
	}
}

// What is not as it should be says so, in words, on top, and in the order of the exit status.
func TestAlarmsAreOnTop(t *testing.T) {
	var out bytes.Buffer
	if err := HTML(&out, exampleInvalid()); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	last := 0
	for _, want := range []string{`class="state">LEDGER NOT CLOSED`, "<h2>LEDGER NOT CLOSED", "1 is missing", "<h2>WRONG ANSWERS", "&lt;b&gt;", "<h2>INVALID", "own lag p99 is 4.20 ms", "<h2>THRESHOLD FAILED", "p99&lt;1ms does not hold", "<h2>INTERRUPTED", "<svg"} {
		at := strings.Index(text[last:], want)
		if at < 0 {
			t.Fatalf("%q is not there, or too early", want)
		}
		last += at
	}
	if o := read(t, text); o.counts[".alarm"] != 5 || o.counts[".good"] != 0 {
		t.Errorf("%d alarms; good %d", o.counts[".alarm"], o.counts[".good"])
	}
	out.Reset()
	if err := HTML(&out, exampleRun()); err != nil {
		t.Fatal(err)
	}
	if o := read(t, out.String()); o.counts[".alarm"] != 0 || o.counts[".good"] != 1 {
		t.Errorf("a good run has %d alarms", o.counts[".alarm"])
	}
}

func TestPageIsGolden(t *testing.T) {
	short := exampleRun()
	short.Series = short.Series[:4]
	short.Response.Spectrum, short.Service.Spectrum = short.Response.Spectrum[:5], nil
	for name, r := range map[string]*result.Result{"capacity.html": exampleCapacity(), "short.html": short} {
		var out bytes.Buffer
		if err := HTML(&out, r); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
	}
}

func TestObjectiveIsRead(t *testing.T) {
	f := func(text, name string, limit float64) {
		t.Helper()
		if n, l := objective(text); n != name || math.Abs(l-limit) > 1e-12 {
			t.Errorf("%q: %q %g", text, n, l)
		}
	}
	f("p99<10ms,err<0.1%,wrong==0", "p99<10ms", 10)
	f("err<1%, p99.9 <= 1.5s", "p99.9 <= 1.5s", 1500)
	f("p50<250us for 5s", "p50<250us", 0.25)
	f("achieved>=99%", "", 0)
	f("p99<", "", 0)
	f("p99<1.2.3ms", "", 0)
}

// Whatever the line, a thinned one has its ends, its order, and points of the line only.
func TestThinKeepsEndsAndOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 40).Draw(t, "n")
		var points []chart.Point
		for i := range rapid.IntRange(0, 200).Draw(t, "length") {
			y := rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN())).Draw(t, "y")
			points = append(points, chart.Point{X: float64(i), Y: y})
		}
		got := thin(points, n)
		if want := min(len(points), n); len(got) != want {
			t.Fatalf("%d points of %d, want %d", len(got), len(points), want)
		}
		for i, p := range got {
			if at := int(p.X); !(points[at].Y == p.Y || math.IsNaN(points[at].Y) && math.IsNaN(p.Y)) || i > 0 && got[i-1].X >= p.X {
				t.Fatalf("point %d is %v", i, p)
			}
		}
		if len(got) > 0 && (got[0].X != 0 || got[len(got)-1].X != float64(len(points)-1)) {
			t.Fatalf("ends %v, %v", got[0], got[len(got)-1])
		}
	})
}

// The one slow second of an hour is still in the line.
func TestThinKeepsSpikes(t *testing.T) {
	for spike := 1; spike < 3599; spike += 7 {
		points := make([]chart.Point, 3600)
		for i := range points {
			points[i] = chart.Point{X: float64(i), Y: 1}
		}
		points[spike].Y = 100
		found := false
		for _, p := range thin(points, mostPoints) {
			found = found || p.Y == 100
		}
		if !found {
			t.Fatalf("the spike at %d is lost", spike)
		}
	}
}

func TestCompareHasDifferencesToTheFirst(t *testing.T) {
	var out bytes.Buffer
	if err := CompareText(&out, exampleRun(), exampleFaster(), exampleThird()); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.txt", out.String())
	out.Reset()
	if err := CompareText(&out); err != nil { // nothing to compare is no panic
		t.Fatal(err)
	}
}
