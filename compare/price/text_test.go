package price

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden holds a text to a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (-update rewrites it): got\n%s\nwant\n%s", name, got, want)
	}
}

func text(t *testing.T, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestText(t *testing.T) {
	golden(t, "steady.txt", text(t, mustCompare(t, DefaultFleet(), Steady(900), cpu(), gpu())))
	fixed := gpu()
	fixed.Fixed = true
	golden(t, "day.txt", text(t, mustCompare(t, DefaultFleet(), dayAndNight(100, 3000), cpu(), fixed)))
	a := Device{Name: "a", RowsPerSecond: 100, PricePerHour: 1, Currency: "EUR"}
	b := Device{Name: "b", RowsPerSecond: 150, PricePerHour: 1.5, Currency: "EUR"}
	golden(t, "endless.txt", text(t, mustCompare(t, Fleet{1, 1}, Steady(300), a, b)))
	a.PricePerHour = 0
	golden(t, "unpriced.txt", text(t, mustCompare(t, Fleet{1, 1}, Steady(450), a, b)))
	b.RowsPerSecond = 0
	golden(t, "only.txt", text(t, mustCompare(t, Fleet{1, 1}, Steady(450), a, b)))
	a.RowsPerSecond = 0
	golden(t, "neither.txt", text(t, mustCompare(t, Fleet{1, 1}, Steady(450), a, b)))
}

func TestJSON(t *testing.T) {
	text, err := json.MarshalIndent(mustCompare(t, DefaultFleet(), Steady(900), cpu(), gpu()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "steady.json", append(text, '\n'))
}

// The page has the text of a report as it is, and a row for each field of the JSON form.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/compare.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## What it costs\n")
	if !found {
		t.Fatal("docs/compare.md has no section \"What it costs\"")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	if want := text(t, mustCompare(t, DefaultFleet(), Steady(900), cpu(), gpu())); !strings.Contains(section, string(want)) {
		t.Errorf("docs/compare.md does not have this report:\n%s", want)
	}
	_, prices, _ := strings.Cut(section, "```yaml\n")
	prices, _, _ = strings.Cut(prices, "```")
	if p, err := ParsePrices("docs/compare.md", []byte(prices)); err != nil || p.Device("cuda:0", 4000) != gpu() || p.Device("cpu", 400) != cpu() || p.Fleet != DefaultFleet() {
		t.Errorf("docs/compare.md has the prices %+v, %v", p, err)
	}
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.`, ]+)` \\|").FindAllStringSubmatch(section, -1) {
		told = append(told, strings.Split(row[1], "`, `")...)
	}
	fields := fieldsOf("", reflect.TypeFor[Report]())
	slices.Sort(told)
	slices.Sort(fields)
	if !slices.Equal(told, fields) {
		t.Errorf("docs/compare.md has the fields\n%q, want\n%q", told, fields)
	}
}

// fieldsOf are the names of fields in JSON, with dots for objects in objects.
func fieldsOf(prefix string, t reflect.Type) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		in := f.Type
		for in.Kind() == reflect.Slice || in.Kind() == reflect.Array {
			in = in.Elem()
		}
		if in.Kind() == reflect.Struct {
			names = append(names, fieldsOf(prefix+name+".", in)...)
		} else {
			names = append(names, prefix+name)
		}
	}
	return names
}

// No line is wider than a terminal, whatever the figures and names.
func TestTextIsNarrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		power := func(what string, least, most float64) float64 {
			return math.Pow(10, rapid.Float64Range(least, most).Draw(t, what))
		}
		peak := power("peak", -6, 12)
		device := func(name string) Device {
			d := Device{Name: name + rapid.StringMatching(`[a-z:0-9ä]{0,30}`).Draw(t, "name"), Currency: "USD"}
			d.RowsPerSecond = min(max(peak*power("throughput", -2, 6), minRate), maxRate)
			if rapid.IntRange(0, 9).Draw(t, "known") > 0 {
				d.PricePerHour = power("price", -6, 6)
			}
			d.Fixed = rapid.Bool().Draw(t, "fixed")
			return d
		}
		fleet := Fleet{rapid.Float64Range(minHeadroom, 1).Draw(t, "headroom"), rapid.IntRange(1, maxFloor).Draw(t, "replicas")}
		a, b, day := device("a"), device("b"), Steady(peak)
		for h := range 23 {
			day[h] = peak * rapid.Float64Range(0, 1).Draw(t, "share")
		}
		r, err := Compare(fleet, day, a, b)
		if err != nil {
			return // more replicas than may be
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := Text(&out, r); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Fatalf("%d characters: %s", n, line)
			}
		}
	})
}

func TestAmounts(t *testing.T) {
	f := func(want int, amounts ...float64) {
		t.Helper()
		if got := decimals(amounts...); got != want {
			t.Errorf("%v have %d decimals, want %d", amounts, got, want)
		}
	}
	f(2, 0.44, 0.25)
	f(2, 0, 12)
	f(2, 0.25, 0.25)
	f(3, 0.251, 0.254)
	f(3, 0.0123)
	f(5, 0.00012, 3)
	f(8, 1e-12)
	for name, want := range map[string]string{"cuda:0": "cuda:0", "fourteenletter": "fourteenletter", "a-very-long-device:12": "a-very-~ice:12", "ääääääääääääää": "ääääääääääääää"} {
		if got := short(name); got != want {
			t.Errorf("short(%q) = %q, want %q", name, got, want)
		}
	}
	for x, want := range map[float64]string{0.357: "0.357", 0.20125: "0.2013", 999.96: "1000", 1234.5: "1234", 123456789: "123456789", 2e15: "2e+15"} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %q, want %q", x, got, want)
		}
	}
	for x, want := range map[float64]string{-43.6: "-44 %", 9.96: "+10.0 %", -3.21: "-3.2 %", 380: "+380 %", 1100: "12 times"} {
		if got := percent(x); got != want {
			t.Errorf("percent(%v) = %q, want %q", x, got, want)
		}
	}
}
