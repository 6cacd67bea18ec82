package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// parse checks that a fragment is well-formed and returns its attributes by element.
func parse(t interface{ Fatal(...any) }, text string) (elements map[string][]map[string]string, words string) {
	elements = map[string][]map[string]string{}
	for d := xml.NewDecoder(strings.NewReader("<x>" + text + "</x>")); ; {
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
	if len(dots) != 3 || dots[0]["cx"] != "64.0" || dots[0]["cy"] != "256.0" || dots[1]["cx"] != "628.0" || dots[1]["cy"] != "12.0" {
		t.Errorf("dots at %v", dots)
	}
	if keys := elements["li"]; len(keys) != 2 {
		t.Errorf("a legend of %d entries for 2 series", len(keys))
	}
}

func TestBarsStack(t *testing.T) {
	elements, words := parse(t, Bars{
		Title: "shares", X: Axis{Label: "device", Names: []string{"gpu", "cpu"}}, Y: Axis{Label: "part", Max: 1},
		Stacks: []Stack{{"in time", []float64{0.5, 0}}, {"late", []float64{0.25, 1}}},
	}.SVG())
	bars := elements["rect"]
	// 244 units are 1: half, then a quarter on top of it.
	if len(bars) != 4 || bars[0]["height"] != "122.0" || bars[0]["y"] != "134.0" || bars[1]["height"] != "61.0" || bars[1]["y"] != "73.0" || bars[3]["height"] != "244.0" {
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
		a.fit(func(func(float64)) {})
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
	f(Axis{Max: 0.999, Tail: true}, 0, 0.5, 0.9, 0.99, 0.999)
}

// Whatever the data, the drawing is well-formed and inside its frame.
func TestChartsStayInsideTheirFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Float64Range(-1e12, 1e12)
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
