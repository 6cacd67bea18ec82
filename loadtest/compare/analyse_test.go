package compare

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/longtest"
	"sluice/loadtest/result"
)

const window = 60 * time.Second

// compared simulates a run of 60 blocks and analyses it.
func compared(t testing.TB, w world, mode Mode, rate float64, seed uint64) *result.AB {
	t.Helper()
	o := Options{Mode: mode, Length: window, Warmup: 2 * time.Second, Seed: seed, Resamples: 250}
	planned, d := mustPlan(t, poisson(rate, o.Warmup+o.Length, seed), o)
	return Analyse(w.run(planned, seed), d, o)
}

func metricOf(t testing.TB, ab *result.AB, name string) result.Ratio {
	t.Helper()
	i := slices.IndexFunc(ab.Metrics, func(m result.Ratio) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("no %s among %+v; %v", name, ab.Metrics, ab.Notes)
	}
	return ab.Metrics[i]
}

// TestFalseVerdicts compares identical targets many times under bursts. The rule
// of intervals alone would give about one false verdict in twenty for each metric.
func TestFalseVerdicts(t *testing.T) {
	longtest.Skip(t)
	for mode, repeats := range map[Mode]int{Block: 200, Request: 200, Mirror: 100} {
		runs, excluded := 0, 0
		perMetric := map[string]int{}
		for seed := range repeats {
			ab := compared(t, world{ratio: 1, bursts: 0.3, severity: 3}, mode, 100, uint64(seed))
			wrong := false
			for _, m := range ab.Metrics {
				if m.Verdict != none {
					perMetric[m.Name]++
					wrong = true
				}
				if m.Lo > 1 || m.Hi < 1 {
					excluded++
				}
			}
			if wrong {
				runs++
			}
		}
		t.Logf("%v: %d of %d runs with a false verdict %v; %d intervals exclude 1", mode, runs, repeats, perMetric, excluded)
		if runs > repeats*2/100 {
			t.Errorf("%v: %d of %d runs have a false verdict: %v", mode, runs, repeats, perMetric)
		}
		if excluded < repeats*4*2/100 {
			t.Errorf("%v: only %d of %d intervals exclude 1: they are too wide to show a difference", mode, excluded, repeats*4)
		}
	}
}

// TestPower: a true difference of a tenth is found in 60 blocks.
func TestPower(t *testing.T) {
	const repeats = 40
	for _, mode := range []Mode{Block, Request, Mirror} {
		found := map[string]int{}
		for seed := range uint64(repeats) {
			ab := compared(t, world{ratio: 1.1, bursts: 0.1, severity: 0.7}, mode, 300, seed)
			for _, m := range ab.Metrics {
				switch m.Verdict {
				case slower:
					found[m.Name]++
				case faster:
					t.Errorf("%v, seed %d: B, which is slower, is called faster in %+v", mode, seed, m)
				}
			}
		}
		t.Logf("%v: of %d runs found %v", mode, repeats, found)
		if found["p50"] < repeats*9/10 {
			t.Errorf("%v: +10 %% of p50 was found in %d of %d runs", mode, found["p50"], repeats)
		}
	}
}

// TestCoverage: about 95 % of the intervals hold the true ratio.
func TestCoverage(t *testing.T) {
	const repeats = 200
	for _, mode := range []Mode{Block, Request} {
		held := map[string]int{}
		for seed := range uint64(repeats) {
			ab := compared(t, world{ratio: 1.25, bursts: 0.2, severity: 1}, mode, 100, seed)
			for _, m := range ab.Metrics {
				if m.Lo <= 1.25 && m.Hi >= 1.25 {
					held[m.Name]++
				}
			}
		}
		t.Logf("%v: of %d intervals hold the truth %v", mode, repeats, held)
		for _, name := range []string{"p50", "p90", "p99", "mean"} {
			if share := float64(held[name]) / repeats; share < 0.9 || share > 0.99 {
				t.Errorf("%v: %.3f of the intervals of %s hold the true ratio", mode, share, name)
			}
		}
	}
}

// TestDetectable gives B, in a run of equal targets, as much more latency as the run calls
// detectable: with the same noise it is shown four times in five.
func TestDetectable(t *testing.T) {
	const repeats = 100
	found := 0
	for seed := range uint64(repeats) {
		size := metricOf(t, compared(t, world{ratio: 1, bursts: 0.1, severity: 3}, Block, 100, seed), "p50").Detectable
		if metricOf(t, compared(t, world{ratio: 1 + size, bursts: 0.1, severity: 3}, Block, 100, seed), "p50").Verdict == slower {
			found++
		}
	}
	if found < repeats*70/100 || found > repeats*90/100 {
		t.Errorf("what is called detectable was found in %d of %d runs, want about 80", found, repeats)
	}
}

// TestGuardIsLeftOut: what is slow only in the guard time and the warm-up changes nothing.
func TestGuardIsLeftOut(t *testing.T) {
	o := Options{Length: window, Warmup: time.Second, Resamples: 200}
	planned, d := mustPlan(t, poisson(100, 63*time.Second, 1), o)
	samples := world{ratio: 1}.run(planned, 1)
	want := Analyse(samples, d, o)
	for i := range samples {
		if samples[i].Group&Guard != 0 {
			samples[i].Last += time.Second
		}
	}
	if got := Analyse(samples, d, o); metricOf(t, got, "mean") != metricOf(t, want, "mean") || got.A.Max != want.A.Max {
		t.Errorf("guard time counts: %+v, want %+v", got.Metrics, want.Metrics)
	}
}

func TestFailures(t *testing.T) {
	if ab := compared(t, world{ratio: 1}, Block, 100, 1); ab.Failures != nil {
		t.Errorf("no request failed: %+v", ab.Failures)
	}
	ab := compared(t, world{ratio: 1, failB: 0.05}, Block, 300, 2)
	if f := ab.Failures; f == nil || f.A != 0 || math.Abs(f.B-0.05) > 0.01 || f.Lo > 0.05 || f.Hi < 0.05 || f.Verdict != "B fails more often" {
		t.Errorf("%+v", f)
	}
	ab = compared(t, world{ratio: 1, failA: 0.03, failB: 0.03}, Request, 100, 1)
	if f := ab.Failures; f == nil || f.Verdict != none || f.Detectable <= 0 || f.AAHi <= f.AALo {
		t.Errorf("%+v", f)
	}
	ab = compared(t, world{ratio: 1, failA: 1, failB: 1}, Block, 100, 1)
	if len(ab.Metrics) != 0 || len(ab.Notes) == 0 || ab.A.N != 0 {
		t.Errorf("all failed: %+v", ab)
	}
}

// TestCPU: B takes a fifth more CPU for each answer, at the rate that it gets.
func TestCPU(t *testing.T) {
	for _, mode := range []Mode{Block, Request, Mirror} {
		f := func(ratio float64, want string) {
			t.Helper()
			o := Options{Mode: mode, Length: window, Resamples: 1000, Seed: 3}
			planned, d := mustPlan(t, poisson(400, window, 3), o)
			samples := world{ratio: 1}.run(planned, 3)
			o.CPU = make([]CPU, d.Blocks)
			for i := range samples {
				b, _ := d.block(samples[i].Intended)
				if b >= d.Blocks {
					continue
				}
				if samples[i].Target == 0 {
					o.CPU[b].A += 1e-3
				} else {
					o.CPU[b].B += ratio * 1e-3
				}
			}
			for i := range o.CPU { // as the kernel counts
				noise := 0.01 * float64(i%3-1)
				o.CPU[i].A = max(0, math.Round(100*o.CPU[i].A)/100+noise)
				o.CPU[i].B = max(0, math.Round(100*o.CPU[i].B)/100-noise)
			}
			m := metricOf(t, Analyse(samples, d, o), "cpu per good answer")
			if m.Verdict != want || math.Abs(m.Ratio/ratio-1) > 0.05 || math.Abs(m.A-1000) > 50 || m.ControlObservations < leastUnits {
				t.Errorf("%v: %+v, want %q at %g", mode, m, want, ratio)
			}
		}
		f(1.2, "B needs more CPU")
		f(0.8, "B needs less CPU")
		f(1, none)
	}
}

// TestTooFew: a slow target's tail is refused, not invented, and a short control gives no verdict.
func TestTooFew(t *testing.T) {
	ab := compared(t, world{ratio: 3}, Block, 12, 1)
	if slices.ContainsFunc(ab.Metrics, func(m result.Ratio) bool { return m.Name == "p99" }) || !strings.Contains(strings.Join(ab.Notes, "\n"), "p99 is not compared") {
		t.Errorf("%+v\n%v", ab.Metrics, ab.Notes)
	}
	if len(ab.A.Refused) == 0 {
		t.Error("the side's own p99 is given")
	}
	ab = compared(t, world{ratio: 3}, Block, 80, 1)
	if m := metricOf(t, ab, "p99"); m.ControlObservations >= leastUnits || m.Verdict != none || !strings.Contains(strings.Join(ab.Notes, "\n"), "p99: no verdict") {
		t.Errorf("%+v\n%v", m, ab.Notes)
	}
	if got := Analyse(nil, &Design{Block: time.Second, Blocks: 16}, Options{}); len(got.Metrics) != 0 || len(got.Notes) != 4 {
		t.Errorf("no samples: %+v", got)
	}
}

// TestSides: each side's own latencies are summed up, those of the control left out.
func TestSides(t *testing.T) {
	ab := compared(t, world{ratio: 2}, Request, 200, 1)
	for _, l := range []result.Latency{ab.A, ab.B} {
		if median, ok := l.At(0.5); !ok || median.Lo >= median.Ms || median.Hi <= median.Ms || len(l.Spectrum) == 0 {
			t.Errorf("a side without its figures: %+v", l)
		}
	}
	if median, _ := ab.B.At(0.5); math.Abs(median.Ms-4) > 0.2 {
		t.Errorf("B's median is %g ms, want 4", median.Ms)
	}
}

// TestAlwaysJSON: whatever came of a run, the outcome has no number that JSON cannot hold, and
// each metric has its verdict.
func TestAlwaysJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arrivals, o := drawn(t, Block, Request, Mirror)
		o.Resamples = 20
		planned, d, err := Plan(arrivals, o)
		if err != nil {
			t.Fatal(err)
		}
		share := rapid.SampledFrom([]float64{0, 0.1, 1})
		w := world{ratio: rapid.Float64Range(0.01, 100).Draw(t, "ratio"), failA: share.Draw(t, "A fails"), failB: share.Draw(t, "B fails")}
		samples := w.run(planned, o.Seed)
		samples = samples[:rapid.IntRange(0, len(samples)).Draw(t, "interrupted")]
		for range rapid.IntRange(0, d.Blocks).Draw(t, "CPU") {
			o.CPU = append(o.CPU, CPU{share.Draw(t, "A's CPU"), share.Draw(t, "B's CPU")})
		}
		ab := Analyse(samples, d, o)
		if _, err := json.Marshal(ab); err != nil {
			t.Errorf("%v: %+v", err, ab)
		}
		for _, m := range ab.Metrics {
			if m.Verdict == "" || m.Lo > m.Ratio || m.Hi < m.Ratio || m.Detectable < 0 {
				t.Errorf("%+v", m)
			}
		}
	})
}

func BenchmarkAnalyse(b *testing.B) {
	o := Options{Length: window, Seed: 1}
	planned, d := mustPlan(b, poisson(5000, window, 1), o)
	samples := world{ratio: 1.1, bursts: 0.3, severity: 3}.run(planned, 1)
	for b.Loop() {
		Analyse(samples, d, o)
	}
	b.ReportMetric(float64(len(samples)), "samples")
}
