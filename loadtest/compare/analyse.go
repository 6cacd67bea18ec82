package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/stats"
)

// Analyse compares the two sides of a run that went by a design. Latency is response latency,
// from the intended start, of right answers.
//
// The observations are pairs of blocks (seconds, if requests were assigned one by one), pooled
// where a block has too few samples for a quantile. A ratio is the geometric mean of theirs (for
// the median without the outer fifths, which bursts of other work have spoilt), and so not
// quite the ratio of the two figures of the whole run that stand beside it: the two sides of a
// pair share what disturbs the machine, the whole runs do less.
//
// Detectable is the difference that this run, its noise being what it was, would have shown with
// a chance of four in five: as far from 1 as the outer end of the control's interval, or as
// Holm's strictest step asks, whichever is further, and 0.84 standard errors more.
func Analyse(samples []sample.Sample, d *Design, o Options) *result.AB {
	o = o.withDefaults()
	cells := gather(samples, d)
	var latencies, cpu pairs
	if d.Mode == Block {
		latencies = quadPairs(cells, o.CPU)
		cpu = latencies
	} else {
		latencies, cpu = mixedPairs(cells), mixedCPU(cells, o.CPU)
	}
	latencies.whole, cpu.whole = joined(latencies.tested), joined(cpu.tested)
	ab := &result.AB{Mode: d.Mode.String(), Blocks: d.Blocks, Metrics: []result.Ratio{}}
	for s := range latencies.whole {
		slices.Sort(latencies.whole[s].latencies)
	}
	ab.A, ab.B = sides(samples, d, o.Seed)
	a := analysis{ab: ab, resamples: o.Resamples, rng: rand.New(rand.NewPCG(o.Seed, 1))}
	for _, m := range latencyMetrics() {
		if n := min(ab.A.N, ab.B.N); n < int64(m.need) {
			a.note("%s is not compared: the smaller side has %d right answers, and it takes %d", m.name, n, m.need)
			continue
		}
		a.compare(m, latencies)
	}
	if len(o.CPU) > 0 {
		a.compare(cpuMetric(), cpu)
	}
	a.failures(latencies)
	a.decide()
	return ab
}

// analysis is under way.
type analysis struct {
	ab        *result.AB
	resamples int
	rng       *rand.Rand
	// found are in the order of ab.Metrics; the failures, if they are compared, come last.
	found []finding
}

// finding is what was estimated of a metric.
type finding struct {
	tested, control estimate
	more, less      string
	// scale turns a difference of estimates into what the report shows.
	scale func(float64) float64
}

func (a *analysis) note(format string, args ...any) {
	a.ab.Notes = append(a.ab.Notes, fmt.Sprintf(format, args...))
}

// compare adds a metric.
func (a *analysis) compare(m metric, p pairs) {
	ratios, size := m.logRatios(p.tested)
	e := estimated(ratios, m.trim, a.resamples, a.rng)
	if !e.known {
		a.note("%s is not compared: the run gives %d observations, and it takes %d; make it longer", m.name, e.n, leastUnits)
		return
	}
	ratios, controlSize := m.logRatios(p.controls[0], p.controls[1])
	control := estimated(ratios, m.trim, a.resamples, a.rng)
	if most := max(size, controlSize); most > 1 {
		a.note("%s: up to %d pairs are pooled to one observation, as each alone has too few samples", m.name, most)
	}
	r := result.Ratio{
		Name: m.name, Unit: m.unit, A: m.value(p.whole[0]), B: m.value(p.whole[1]), Observations: e.n, ControlObservations: control.n,
		Ratio: math.Exp(e.mean), Lo: math.Exp(e.lo), Hi: math.Exp(e.hi),
	}
	if control.known {
		r.AARatio, r.AALo, r.AAHi = math.Exp(control.mean), math.Exp(control.lo), math.Exp(control.hi)
	} else {
		a.note("%s: no verdict, as the A/A control gives %d observations, and it takes %d; make the run longer", m.name, control.n, leastUnits)
	}
	a.ab.Metrics = append(a.ab.Metrics, r)
	a.found = append(a.found, finding{tested: e, control: control, more: m.more, less: m.less, scale: math.Expm1})
}

// failures compares the shares of requests that got no right answer, if there is one at all, by
// their difference: a ratio has no sense where one of them is 0.
func (a *analysis) failures(p pairs) {
	share := func(s side) float64 { return float64(s.failed) / float64(s.sent) }
	differences := func(all []pair) (units []float64, some bool) {
		for _, p := range all {
			units = append(units, share(p[1])-share(p[0]))
			some = some || p[0].failed+p[1].failed > 0
		}
		return units, some
	}
	units, some := differences(p.tested)
	e := estimated(units, 0, a.resamples, a.rng)
	if !some || !e.known {
		return
	}
	units, _ = differences(slices.Concat(p.controls[0], p.controls[1]))
	control := estimated(units, 0, a.resamples, a.rng)
	a.ab.Failures = &result.Difference{
		A: share(p.whole[0]), B: share(p.whole[1]), Difference: e.mean, Lo: e.lo, Hi: e.hi,
		AADifference: control.mean, AALo: control.lo, AAHi: control.hi,
	}
	a.found = append(a.found, finding{tested: e, control: control, more: "B fails more often", less: "B fails less often", scale: func(v float64) float64 { return v }})
}

// decide gives all verdicts at once, as Holm's correction needs them together.
func (a *analysis) decide() {
	chances := make([]float64, len(a.found))
	for i, f := range a.found {
		chances[i] = f.tested.p
	}
	significant := holm(chances)
	for i, f := range a.found {
		e := f.tested
		noise := max(math.Abs(f.control.lo), math.Abs(f.control.hi))
		verdict := none
		if excludes := e.lo > 0 || e.hi < 0; excludes && significant[i] && f.control.known && math.Abs(e.mean) > noise {
			verdict = f.more
			if e.mean < 0 {
				verdict = f.less
			}
		}
		strictest := stats.StudentBound(familyAlpha/float64(len(a.found)), e.df) * e.se
		detectable := f.scale(max(strictest, noise) + power80*e.se)
		if i < len(a.ab.Metrics) {
			a.ab.Metrics[i].Verdict, a.ab.Metrics[i].Detectable = verdict, detectable
		} else {
			a.ab.Failures.Verdict, a.ab.Failures.Detectable = verdict, detectable
		}
	}
}

// power80 is how many standard errors beyond a bound a true difference must lie to be seen
// beyond it four times out of five.
const power80 = 0.8416
