package load

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/internal/traffic"
)

// traceOf writes what a load draws as a trace.
func traceOf(t testing.TB, expr string, length time.Duration, start string) string {
	t.Helper()
	s, err := Draw(mustParse(t, expr), Options{Seed: 11, Length: length})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"sluice_trace":1%s}`+"\n", start)
	for i, a := range s.Arrivals {
		model, rows := "a", 1+i%4
		if i%4 == 0 {
			model = "b"
		}
		fmt.Fprintf(&b, `{"t_ns":%d,"model":"%s","rows":%d,"bytes":%d}`+"\n", a.At, model, rows, 100*rows)
	}
	return b.String()
}

func describe(t testing.TB, text string) *Description {
	t.Helper()
	d, err := FitFile(write(t, "t.jsonl", text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSuggestions describes what was drawn from an expression, and wants that expression back.
func TestSuggestions(t *testing.T) {
	f := func(expr string, length time.Duration, kind string, slack float64, numbers ...float64) {
		t.Helper()
		d := describe(t, traceOf(t, expr, length, ""))
		if !strings.HasPrefix(d.Suggestion, kind+":") {
			t.Errorf("%s is described as %q, because %s", expr, d.Suggestion, d.Why)
			return
		}
		mustParse(t, d.Suggestion)
		got := numbersIn(d.Suggestion)
		if len(got) < len(numbers) {
			t.Errorf("%s is described as %s", expr, d.Suggestion)
			return
		}
		for i, want := range numbers {
			if math.Abs(got[i]-want) > slack*max(want, 1) {
				t.Errorf("%s is described as %s", expr, d.Suggestion)
				return
			}
		}
	}
	f("poisson:500", 20*time.Second, "poisson", 0.05, 500)
	f("constant:200", 20*time.Second, "constant", 0.01, 200)
	f("ramp:100..1000@60s", time.Minute, "ramp", 0.1, 100, 1000, 60)
	f("ramp:1000..100@300s", 5*time.Minute, "ramp", 0.1, 1000, 100, 300)
	f("burst:base=100,peak=2k,on=500ms,every=5s", time.Minute, "burst", 0.15, 100, 2000, 0.5, 5)
	f("sine:mean=0.5,amp=0.4,period=24h", 72*time.Hour, "sine", 0.1, 0.5, 0.4, 86400)
	f("sine:mean=0.5,amp=0.4,period=24h", 47*time.Hour, "sine", 0.1, 0.5, 0.4, 86400)
}

// numbersIn are the rates and times of an expression, in seconds.
func numbersIn(expr string) (all []float64) {
	for _, text := range strings.FieldsFunc(strings.ReplaceAll(expr, "..", ","), func(c rune) bool { return strings.ContainsRune(":,=@", c) }) {
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			all = append(all, v)
		} else if d, err := time.ParseDuration(text); err == nil {
			all = append(all, d.Seconds())
		}
	}
	return all
}

func TestFigures(t *testing.T) {
	d := describe(t, traceOf(t, "constant:8", 3*time.Second, `,"start":"2026-11-25T23:30:00+01:00"`))
	if d.Arrivals != 24 || d.Start != "2026-11-25T22:30:00Z" || d.Length != 2.875 || d.Mean != 8 || d.Peak != 8 || d.PeakAt != 0 {
		t.Errorf("%+v", d)
	}
	if len(d.Profile) != 3 || d.ProfileStep != 1 || d.Profile[0] != 8 || d.Profile[1] != 8 {
		t.Errorf("profile %v at %g s", d.Profile, d.ProfileStep)
	}
	if want := []Share{{"a", 18, 0.75}, {"b", 6, 0.25}}; fmt.Sprint(d.Models) != fmt.Sprint(want) {
		t.Errorf("models %v, want %v", d.Models, want)
	}
	if want := (Sizes{24, 2.5, 1, 2, 4, 4, 4}); fmt.Sprint(d.Rows) != fmt.Sprint(want) {
		t.Errorf("rows %v, want %v", d.Rows, want)
	}
	if d.Bytes.N != 24 || d.Bytes.P50 != 200 || d.Bytes.Max != 400 || d.Budgets[0].Name != "the model's own" || d.Priorities[0] != (Share{"normal", 24, 1}) {
		t.Errorf("bytes %v, budgets %v, priorities %v", d.Bytes, d.Budgets, d.Priorities)
	}
	if d.CV > 1e-6 || d.Suggestion != "constant:8" {
		t.Errorf("CV %g, suggestion %s", d.CV, d.Suggestion)
	}
}

func TestProfileSteps(t *testing.T) {
	f := func(rate string, length time.Duration, start string, step float64, n int, folded bool) *Description {
		t.Helper()
		d := describe(t, traceOf(t, "constant:"+rate, length, start))
		if d.ProfileStep != step || len(d.Profile) != n || d.Folded != folded {
			t.Errorf("%s for %v: %d steps of %g s, folded %v; want %d of %g, %v", rate, length, len(d.Profile), d.ProfileStep, d.Folded, n, step, folded)
		}
		return d
	}
	f("5", 100*time.Second, "", 1, 100, false)
	f("5", 10*time.Minute, "", 60, 10, false)
	f("1", 5*time.Hour, "", 3600, 5, false)
	d := f("0.1", 60*time.Hour, `,"start":"2026-11-25T22:00:00Z"`, 3600, 24, true)
	for hour, rate := range d.Profile {
		if math.Abs(rate-0.1) > 0.001 {
			t.Errorf("the rate in hour %d is %g, want 0.1 in each", hour, rate)
		}
	}
}

func TestSmallTraces(t *testing.T) {
	for _, text := range []string{"0\n", "5000\n", "0\n0\n0\n", "1000000\n1000000\n"} {
		d := describe(t, text)
		if d.Suggestion != "" || d.Why == "" {
			t.Errorf("%q is described as %q, because %q", text, d.Suggestion, d.Why)
		}
		if _, err := json.Marshal(d); err != nil { // a NaN or an infinity
			t.Errorf("%q: %v", text, err)
		}
		var b strings.Builder
		if err := d.Text(&b); err != nil || !strings.Contains(b.String(), "arrivals") {
			t.Errorf("%q: %q, error %v", text, b.String(), err)
		}
	}
	for _, text := range []string{"", "{}", "1\nx\n"} {
		if _, err := FitFile(write(t, "t", text)); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestText(t *testing.T) {
	d, err := FitFile(write(t, "t.jsonl", traceOf(t, "burst:base=100,peak=2k,on=500ms,every=5s", time.Minute, "")))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := d.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the gaps are not exponential", "in 59 windows of 1s", "a 75 %, b 25 %", "--load burst:", "rate over time", "/s\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
}

func TestBurstiness(t *testing.T) {
	if d, critical := Exponential(nil, 0); d != 0 || critical != 0 {
		t.Errorf("no gaps: %g, %g", d, critical)
	}
	// Nine gaps at the middles of nine equally likely ranges of a mean of 1 s are 1/18 away.
	var gaps []time.Duration
	for i := range 9 {
		gaps = append(gaps, time.Duration(-math.Log(1-(float64(i)+0.5)/9)*1e9))
	}
	if d, critical := Exponential(gaps, time.Second); math.Abs(d-1.0/18) > 1e-6 || math.Abs(critical-1.628/(3+0.12+0.11/3)) > 1e-9 {
		t.Errorf("distance %g, critical %g", d, critical)
	}
	at := []time.Duration{0, 1, 2, 10, 11, 12, 13, 14, 25}
	// Counts of 3, 5 and 1 have the mean 3 and the variance 4.
	if index, n := Dispersion(at, 10, 30); math.Abs(index-4.0/3) > 1e-9 || n != 3 {
		t.Errorf("dispersion %g in %d windows", index, n)
	}
	if index, n := Dispersion(at, 10, 15); index != 0 || n != 1 {
		t.Errorf("one window: %g, %d", index, n)
	}
	if v := Variation([]time.Duration{1, 3}); v != 0.5 {
		t.Errorf("the variation of 1 and 3 is %g", v)
	}
}

// TestCriticalValues draws exponential gaps and counts how often they pass for others: 1 % of
// the times, whether the mean is known or taken from them.
func TestCriticalValues(t *testing.T) {
	const samples = 1500
	rng := rand.New(rand.NewPCG(1, gapStream))
	think := traffic.Think{Mean: time.Second, Exponential: true}
	for _, n := range []int{20, 100} {
		known, fitted := 0, 0
		gaps := make([]time.Duration, n)
		for range samples {
			for i := range gaps {
				gaps[i] = think.Draw(rng)
			}
			if d, critical := Exponential(gaps, time.Second); d > critical {
				known++
			}
			if d, critical := Exponential(gaps, 0); d > critical {
				fitted++
			}
		}
		// 15 are expected, and their standard deviation is 3.9.
		if known < 3 || known > 31 || fitted < 3 || fitted > 31 {
			t.Errorf("of %d samples of %d gaps, %d and %d are refused; want 1 %%", samples, n, known, fitted)
		}
	}
}
