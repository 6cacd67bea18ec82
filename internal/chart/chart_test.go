package chart

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// parse checks that a fragment is well-formed and returns its attributes by element.
func parse(t interface{ Fatal(...any) }, text template.HTML) (elements map[string][]map[string]string, words string) {
	elements = map[string][]map[string]string{}
	for d := xml.NewDecoder(strings.NewReader("<x>" + string(text) + "</x>")); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements, words
		}
		if err != nil {
			t.Fatal(err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			attributes := map[string]string{}
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
			}
			elements[token.Name.Local] = append(elements[token.Name.Local], attributes)
		case xml.CharData:
			words += string(token) + "\n"
		}
	}
}

func TestLinesHaveAxesLegendAndHints(t *testing.T) {
	elements, words := parse(t, Lines{
		Title: "a < b", X: Axis{Label: "time, s"}, Y: Axis{Label: "rate, 1/s"},
		Series: []Series{
			{Name: "offered & sent", Points: []Point{{0, 0, ""}, {10, 20_000, ""}}, Dots: true},
			{Name: "limit", Points: []Point{{0, 5, "five"}}, Dashed: true},
		},
	}.SVG())
	for _, want := range []string{"a < b", "time, s", "rate, 1/s", "offered & sent", "limit", "five", "20k", "10"} {
		if !strings.Contains(words, want+"\n") && !strings.Contains(words, want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
	// The first point is at the axes' meeting, the second at the far corner.
	dots := elements["circle"]
	if len(dots) != 3 || dots[0]["cx"] != "76.0" || dots[0]["cy"] != "254.0" || dots[1]["cx"] != "628.0" || dots[1]["cy"] != "12.0" {
		t.Errorf("dots at %v", dots)
	}
	if keys := elements["li"]; len(keys) != 2 {
		t.Errorf("a legend of %d entries for 2 series", len(keys))
	}
}

func TestBarsStack(t *testing.T) {
	elements, words := parse(t, Bars{
		Title: "shares", X: Axis{Label: "device", Names: []string{"gpu", "cpu"}}, Y: Axis{Label: "part", Max: 1},
		Stacks: []Stack{{Name: "in time", Values: []float64{0.5, 0}}, {Name: "late", Values: []float64{0.25, 1}}},
	}.SVG())
	bars := elements["rect"]
	// 242 units are 1: half, then a quarter on top of it.
	if len(bars) != 4 || bars[0]["height"] != "121.0" || bars[0]["y"] != "133.0" || bars[1]["height"] != "60.5" || bars[1]["y"] != "72.5" || bars[3]["height"] != "242.0" {
		t.Errorf("bars %v", bars)
	}
	for _, want := range []string{"gpu, late: 0.25", "cpu", "part"} {
		if !strings.Contains(words, want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
}

func TestTicksAreRound(t *testing.T) {
	f := func(a Axis, want ...float64) {
		t.Helper()
		a.fit(nil)
		if got := a.ticks(); !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9*max(1, b) }) {
			t.Errorf("%+v: ticks %v, want %v", a, got, want)
		}
	}
	f(Axis{Max: 10}, 0, 2, 4, 6, 8, 10)
	f(Axis{Max: 1}, 0, 0.2, 0.4, 0.6, 0.8, 1)
	f(Axis{Max: 3700}, 0, 1000, 2000, 3000)
	f(Axis{Max: 3700, Round: true}, 0, 1000, 2000, 3000, 4000)
	f(Axis{Max: 100, Round: true}, 0, 20, 40, 60, 80, 100)
	f(Axis{}, 0, 0.2, 0.4, 0.6, 0.8, 1)
	f(Axis{Min: 1, Max: 90, Log: true}, 1, 10, 100)
	f(Axis{Max: 9, Log: true}, 1, 2, 5, 10)
	f(Axis{Log: true}, 1, 2, 5, 10)
	f(Axis{Max: 0.999, Tail: true}, 0, 0.5, 0.9, 0.99, 0.999)
}

// What has no value is a gap: the line breaks, no dot is drawn, and the axes do not follow it.
func TestWhatIsNoNumberIsAGap(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, log := range []bool{false, true} {
		text := Lines{Y: Axis{Log: log}, Series: []Series{{Points: []Point{{1, 10, ""}, {2, nan, ""}, {3, inf, ""}, {4, 1, ""}, {5, 1, ""}, {nan, 1, ""}}}}}.SVG()
		elements, _ := parse(t, text)
		if line := elements["path"][1]["d"]; strings.Count(line, "M") != 2 || strings.Count(line, "L") != 1 {
			t.Errorf("log %v: the line is %s", log, line)
		}
		if dots := elements["circle"]; len(dots) != 3 || dots[0]["cy"] != "12.0" {
			t.Errorf("log %v: dots %v", log, dots)
		}
		if strings.Contains(string(text), "NaN") || strings.Contains(string(text), "Inf") {
			t.Errorf("log %v: %s", log, text)
		}
	}
}

func TestMarksDifferByMoreThanColour(t *testing.T) {
	elements, words := parse(t, Lines{Series: []Series{
		{Name: "holds", Points: []Point{{1, 1, ""}}, Dots: true, Apart: true, Colour: 3},
		{Name: "fails", Points: []Point{{2, 1, ""}}, Dots: true, Apart: true, Mark: Cross},
		{Name: "open", Points: []Point{{2, 2, ""}}, Dots: true, Apart: true, Mark: Ring},
	}}.SVG())
	if d := elements["circle"]; len(d) != 2 || d[0]["class"] != "dot s2" || d[1]["class"] != "mark s2" {
		t.Errorf("dots %v", d)
	}
	if p := elements["path"]; len(p) != 2 || p[1]["class"] != "mark s1" { // the axis and the cross, no lines
		t.Errorf("paths %v", p)
	}
	for _, want := range []string{"\u25cf", "\u25cb", "\u2715"} {
		if !strings.Contains(words, want) {
			t.Errorf("the legend lacks %s", want)
		}
	}
}

func TestRowsHaveABarForEachStack(t *testing.T) {
	elements, words := parse(t, Rows{
		X: Axis{Label: "ms", Max: 10}, Names: []string{"queue", "network+parse"},
		Stacks: []Stack{{Name: "mean", Values: []float64{5, math.NaN()}}, {Name: "p99", Values: []float64{10, 0}}},
	}.SVG())
	bars := elements["rect"]
	// 13 letters of 10.2 and 16 are the names' column, what is left up to 616 is 10 ms.
	if len(bars) != 4 || bars[0]["x"] != "148.6" || bars[0]["width"] != "233.7" || bars[1]["width"] != "467.4" || bars[2]["width"] != "0.0" {
		t.Errorf("bars %v", bars)
	}
	if bars[0]["y"] == bars[1]["y"] || !strings.Contains(words, "network+parse") || !strings.Contains(words, "queue, p99: 10") {
		t.Errorf("bars %v, words %s", bars, words)
	}
}

func TestForestHasIntervalsAndALineAtOne(t *testing.T) {
	elements, words := parse(t, Forest{Label: "B/A", Keys: []string{"B", "A again"}, Rows: []ForestRow{
		{Name: "p50", Intervals: []Interval{{Mid: 2, Lo: 1, Hi: 4}, {Mid: 1, Lo: 0.5, Hi: 2}}},
		{Name: "cpu", Intervals: []Interval{{Mid: math.NaN(), Lo: 1, Hi: 2}, {}}},
	}}.SVG())
	one := elements["line"][len(elements["line"])-1]
	// On a logarithmic axis 1 lies in the middle of 0.5 and 2, which is the second interval.
	if one["class"] != "one" || len(elements["circle"]) != 2 || elements["circle"][1]["cx"] != one["x1"] {
		t.Errorf("the line at 1 is %v, dots %v", one, elements["circle"])
	}
	intervals := 0
	for _, p := range elements["path"] {
		if strings.HasPrefix(p["class"], "interval") {
			intervals++
		}
	}
	if intervals != 2 || !strings.Contains(words, "p50: 2 (1 to 4)") || !strings.Contains(words, "A again") {
		t.Errorf("%d intervals, words %s", intervals, words)
	}
	f := func(low, high float64, want ...float64) {
		t.Helper()
		a := Axis{Min: low, Max: high, Log: true}
		if got := a.ratioTicks(); !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9*max(1, b) }) {
			t.Errorf("%g to %g: ticks %v, want %v", low, high, got, want)
		}
	}
	f(0.97, 1.13, 1, 1.05, 1.1)
	f(0.4, 9, 0.5, 1, 2, 5)
	f(0.9, 2000, 1, 10, 100, 1000)
}

// Hundreds of bars keep names that fit, at round distances.
func TestManyBarsKeepNamesThatFit(t *testing.T) {
	b := Bars{Stacks: []Stack{{Name: "ok"}, {Name: "no"}}}
	for i := range 120 {
		b.X.Names = append(b.X.Names, strconv.Itoa(i))
		b.Stacks[0].Values, b.Stacks[1].Values = append(b.Stacks[0].Values, 1), append(b.Stacks[1].Values, math.NaN())
	}
	elements, words := parse(t, b.SVG())
	if len(elements["rect"]) != 120 || !strings.Contains(words, "\n110\n") || strings.Contains(words, "\n111\n") {
		t.Errorf("%d bars, words %s", len(elements["rect"]), words)
	}
}

// Whatever the data, the drawing is well-formed and inside its frame.
func TestChartsStayInsideTheirFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(-1e12, 1e12), rapid.Float64())
		points := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Point {
			return Point{value.Draw(t, "x"), value.Draw(t, "y"), rapid.String().Filter(func(s string) bool { return !strings.ContainsAny(s, "\x00") }).Draw(t, "hint")}
		})).Draw(t, "points")
		for i := range points {
			points[i].Hint = strings.Map(func(r rune) rune {
				if r < ' ' || r == 0xfffe || r == 0xffff {
					return -1
				}
				return r
			}, points[i].Hint)
		}
		elements, _ := parse(t, Lines{Series: []Series{{Points: points, Dots: true}}}.SVG())
		if len(elements["circle"]) != len(points) {
			t.Fatalf("%d dots for %d points", len(elements["circle"]), len(points))
		}
		for _, c := range elements["circle"] {
			for _, k := range []string{"cx", "cy"} {
				if strings.HasPrefix(c[k], "-") || strings.Contains(c[k], "N") || strings.Contains(c[k], "I") {
					t.Fatalf("a dot at %v", c)
				}
			}
		}
	})
}
