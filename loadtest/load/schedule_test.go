package load

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/traffic"
	"sluice/loadtest/engine"
)

const ms = time.Millisecond

func mustParse(t testing.TB, expr string) traffic.Load {
	t.Helper()
	l, err := traffic.Parse(expr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkSchedule checks what holds for each schedule.
func checkSchedule(t failer, s *Schedule, length time.Duration) {
	t.Helper()
	var last time.Duration
	for i, a := range s.Arrivals {
		if a.At < last || a.At >= length {
			t.Fatalf("arrival %d is at %v, after one at %v, in a schedule of %v", i, a.At, last, length)
		}
		last = a.At
	}
	if s.Length != length || s.SHA256 != Hash(s.Arrivals) {
		t.Fatalf("the schedule of %v says that it has %v and the hash %s", length, s.Length, s.SHA256)
	}
}

func instants(s *Schedule) []time.Duration {
	at := make([]time.Duration, len(s.Arrivals))
	for i, a := range s.Arrivals {
		at[i] = a.At
	}
	return at
}

// TestFirstArrivals holds schedules to what they were when this was written: they must not
// change with a release of Go, nor between machines.
func TestFirstArrivals(t *testing.T) {
	f := func(expr, want, hash string) {
		t.Helper()
		s, err := Draw(mustParse(t, expr), Options{Seed: 7, Length: 10 * time.Second, Variants: 256})
		if err != nil {
			t.Fatal(err)
		}
		var first []string
		for _, a := range s.Arrivals[:4] {
			first = append(first, fmt.Sprintf("%d/%d", a.At, a.Variant))
		}
		if got := strings.Join(first, " "); got != want || s.SHA256[:16] != hash {
			t.Errorf("%s begins with %s, hash %s (%d arrivals); want %s, %s", expr, got, s.SHA256[:16], len(s.Arrivals), want, hash)
		}
	}
	f("poisson:1000", "617915/160 658810/247 1139687/23 2578224/12", "a0ceed85f2c02bbd")
	f("constant:1000", "500000/160 1500000/247 2500000/23 3500000/12", "5ef8f2cd046480da")
	f("step:100@5s,1k@5s", "6179152/160 6588101/247 11396877/23 25782248/12", "71c3c29a1a7b7a3d")
	f("ramp:0..1k@10s", "111167913/160 114787646/247 150976005/23 227078171/12", "031e43d16de111c0")
	f("burst:base=100,peak=2k,on=200ms,every=1s", "308957/160 329405/247 569843/23 1289112/12", "d6e54f4f76f9c652")
	f("sine:mean=500,amp=500,period=3s", "1234235/160 1315807/247 2273960/23 5128902/12", "e074a39b01d1ad74")
}

func TestHashForm(t *testing.T) {
	// printf '\x01\0\0\0\0\0\0\0\x02\x01\x03\x04\0\x02\0\0\0\0\0\0\0\0\0\0' | sha256sum
	const want = "87e2704ce020abd9aa1f70fbcfa4251a2f9b1b396daab4029d71cdcf2eec3eab"
	got := Hash([]engine.Arrival{{At: 1, Variant: 0x102, Target: 3, Group: 4}, {At: 512}})
	if got != want {
		t.Errorf("the hash is %s, want %s", got, want)
	}
}

func TestStreamsAreApart(t *testing.T) {
	l := mustParse(t, "poisson:1000")
	plain, err := Draw(l, Options{Seed: 3, Length: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	varied, err := Draw(l, Options{Seed: 3, Length: time.Second, Variants: 16})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Draw(l, Options{Seed: 4, Length: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(instants(plain), instants(varied)) {
		t.Error("variants move the instants")
	}
	if slices.Equal(instants(plain), instants(other)) || plain.SHA256 == other.SHA256 {
		t.Error("another seed gives the same schedule")
	}
	var variants [16]int
	for _, a := range varied.Arrivals {
		variants[a.Variant]++
	}
	for _, n := range variants {
		if n < 20 {
			t.Errorf("of about 1000 arrivals, variants have %v", variants)
			break
		}
	}
}

func TestPoissonGaps(t *testing.T) {
	for seed := range uint64(4) {
		s, err := Draw(mustParse(t, "poisson:1000"), Options{Seed: seed, Length: 100 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		at := instants(s)
		if d, critical := Exponential(Gaps(at), time.Millisecond); d > critical {
			t.Errorf("seed %d: the gaps are not exponential: distance %.5f, critical %.5f", seed, d, critical)
		}
		for _, window := range []time.Duration{10 * ms, 20 * ms} {
			if index, n := Dispersion(at, window, s.Length); index < 0.9 || index > 1.1 {
				t.Errorf("seed %d: variance/mean of the counts in %d windows of %v is %.3f", seed, n, window, index)
			}
		}
	}
}

// TestOtherGapsAreFound shows the tests that the schedules pass something to fail.
func TestOtherGapsAreFound(t *testing.T) {
	f := func(expr string, seemsPoisson, dispersed bool) {
		t.Helper()
		s, err := Draw(mustParse(t, expr), Options{Seed: 1, Length: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		d, critical := Exponential(Gaps(instants(s)), 0)
		index, _ := Dispersion(instants(s), 100*ms, s.Length)
		if (d <= critical) != seemsPoisson || (index > 1.5) != dispersed {
			t.Errorf("%s: distance %.4f, critical %.4f, dispersion %.2f", expr, d, critical, index)
		}
	}
	f("poisson:1000", true, false)
	f("constant:1000", false, false)
	f("burst:base=100,peak=2k,on=200ms,every=1s", false, true)
	f("ramp:10..3000@20s", false, true)
}

func TestConstantIsEven(t *testing.T) {
	s, err := Draw(mustParse(t, "constant:1000"), Options{Length: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	checkSchedule(t, s, time.Second)
	if len(s.Arrivals) != 1000 || s.Arrivals[0].At != 500*time.Microsecond {
		t.Errorf("%d arrivals, the first at %v; want 1000, the first after half a gap", len(s.Arrivals), s.Arrivals[0].At)
	}
	for _, gap := range Gaps(instants(s)) {
		if gap < ms-1 || gap > ms+1 {
			t.Fatalf("a gap of %v in an even beat of 1ms", gap)
		}
	}
}

func TestImpossibleSchedules(t *testing.T) {
	f := func(expr string, o Options, want string) {
		t.Helper()
		if _, err := Draw(mustParse(t, expr), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s with %+v: error %v, want one with %q", expr, o, err, want)
		}
	}
	f("poisson:1000k", Options{Length: time.Minute}, "is 60000000 arrivals; a schedule has at most 50000000")
	f("poisson:1", Options{}, "needs a length")
	f("poisson:1", Options{Length: -1}, "is not possible")
	f("poisson:1", Options{Length: time.Second, Warmup: time.Second}, "a shorter warm-up")
	f("poisson:1001k", Options{Length: time.Second}, "sends at most a million")
	f("burst:500k,times=4", Options{Length: time.Second}, "sends at most a million")
	f("sine:900k,swing=0.5", Options{Length: time.Second}, "is 1.35e+06 per second")
	f("closed:8", Options{Length: time.Second}, "has no schedule")
	f("poisson:0.001", Options{Length: time.Second}, "has no arrival within 1s")
	f("poisson:1", Options{Length: time.Second, Variants: 65537}, "more than the 65536")
	if _, err := Draw(traffic.Load{}, Options{Length: time.Second}); err == nil {
		t.Error("no load has a schedule")
	}
}

// TestSchedulesOfAnyRate draws expressions and checks order, bounds, count and repetition.
func TestSchedulesOfAnyRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := func(name string) string { return fmt.Sprint(rapid.IntRange(1, 3000).Draw(t, name)) }
		span := func(name string, most int) string { return fmt.Sprint(rapid.IntRange(1, most).Draw(t, name), "ms") }
		expr := ""
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			expr = "step:" + rate("a") + "@" + span("la", 1000) + ",0@" + span("lb", 300) + "," + rate("c")
		case 1:
			expr = "ramp:0.." + rate("to") + "@" + span("length", 3000)
		case 2:
			expr = "ramp:" + rate("from") + ".." + rate("to") + "@" + span("length", 3000)
		case 3:
			expr = "burst:" + rate("base") + ",peak=" + rate("peak") + ",on=" + span("on", 100) + ",every=" + fmt.Sprint(rapid.IntRange(101, 900).Draw(t, "every"), "ms")
		case 4:
			expr = "sine:" + rate("mean") + fmt.Sprintf(",swing=%g,period=", rapid.Float64Range(0, 1).Draw(t, "swing")) + span("period", 5000)
		}
		expr = strings.ReplaceAll(expr, " ", "")
		even := rapid.Bool().Draw(t, "even")
		if even {
			expr += ",arrivals=constant"
		}
		l, err := traffic.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Seed: rapid.Uint64().Draw(t, "seed"), Length: time.Duration(rapid.IntRange(1500, 4000).Draw(t, "length")) * ms, Variants: 3}
		s, err := Draw(l, o)
		if err != nil {
			if want := l.Expected(o.Length); want > 20 {
				t.Fatalf("%s expects %.1f: %v", expr, want, err)
			}
			return
		}
		checkSchedule(t, s, o.Length)
		want, slack := l.Expected(o.Length), 1.001
		if !even {
			slack = 6*math.Sqrt(want) + 6
		}
		if math.Abs(float64(len(s.Arrivals))-want) > slack {
			t.Fatalf("%s has %d arrivals, the integral is %.2f", expr, len(s.Arrivals), want)
		}
		again, err := Draw(l, o)
		if err != nil || again.SHA256 != s.SHA256 {
			t.Fatalf("%s is another schedule the second time: %v", expr, err)
		}
	})
}

func BenchmarkSchedule(b *testing.B) {
	for _, expr := range []string{"poisson:100k", "constant:100k", "burst:base=50k,peak=300k,on=200ms,every=1s", "sine:100k,swing=1,period=1s"} {
		l := mustParse(b, expr)
		b.Run(strings.ReplaceAll(expr, "/", ""), func(b *testing.B) {
			for b.Loop() {
				s, err := Draw(l, Options{Seed: 1, Length: time.Second, Variants: 256})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(s.Arrivals)), "ns/arrival")
			}
		})
	}
}
