package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sluice/internal/chart"
	"sluice/internal/traffic"
	"sluice/loadtest/result"
)

// objective is the first percentile of the response latency that an objective bounds, and by how
// many milliseconds; 0 if it names none.
func objective(text string) (name string, limit float64) {
	all, err := traffic.ParseConditions(text)
	if err != nil {
		return "", 0
	}
	for _, c := range all {
		if !c.FromBelow() && (c.Figure == "p" || c.Figure == "ok.p" || c.Figure == "response.p") {
			name, _, _ = strings.Cut(c.Text, " for ")
			return name, c.Bound
		}
	}
	return "", 0
}

// marks show a probe's outcome by shape and colour.
var marks = []struct {
	outcome, name string
	mark          chart.Mark
	colour        int
}{
	{"pass", "p99, holds", chart.Disc, 3}, {"inconclusive", "p99, inconclusive", chart.Ring, 5}, {"fail", "p99, fails", chart.Cross, 2},
}

func capacityFigures(r *result.Result) []chart.Figure {
	c := r.Capacity
	if c == nil || len(c.Probes) == 0 {
		return nil
	}
	probes := slices.DeleteFunc(slices.Clone(c.Probes), func(p result.Probe) bool { return p.Phase == "recovery" || !finite(p.Rate) })
	slices.SortStableFunc(probes, func(a, b result.Probe) int { return cmp.Compare(a.Rate, b.Rate) })
	most := 0.0
	points := func(value func(result.Probe) float64, keep func(result.Probe) bool) (all []chart.Point) {
		for _, p := range probes {
			if keep == nil || keep(p) {
				most = max(most, p.Rate)
				all = append(all, chart.Point{X: p.Rate, Y: value(p), Hint: fmt.Sprintf("%s at %s, %s: p50 %s, p99 %s, good %s, errors %s", p.Phase, rate(p.Rate), p.Outcome, ms(p.P50), ms(p.P99), rate(p.Good), percent(p.Errors))})
			}
		}
		return all
	}
	p99 := func(p result.Probe) float64 { return latencyOrGap(p.P99) }
	latency := chart.Lines{Title: "Response latency against the offered rate", X: chart.Axis{Label: "offered, requests/s"}, Series: []chart.Series{
		{Name: "p50", Points: points(func(p result.Probe) float64 { return latencyOrGap(p.P50) }, nil), Colour: 1},
		{Name: "p99", Points: points(p99, nil), Colour: 6},
	}}
	for _, m := range marks {
		if at := points(p99, func(p result.Probe) bool { return p.Outcome == m.outcome }); len(at) > 0 {
			latency.Series = append(latency.Series, chart.Series{Name: m.name, Points: at, Dots: true, Apart: true, Mark: m.mark, Colour: m.colour})
		}
	}
	if c.Capacity > 0 && finite(c.Capacity) {
		latency.Series = append(latency.Series, chart.Series{Name: "capacity " + rate(c.Capacity), Dashed: true, Colour: 3, Points: []chart.Point{{X: c.Capacity, Y: 0}, {X: c.Capacity, Y: slowest(probes)}}})
	}
	if name, limit := objective(c.Objective); limit > 0 {
		latency.Series = append(latency.Series, chart.Series{Name: "objective " + name, Dashed: true, Colour: 2, Points: []chart.Point{{X: 0, Y: limit}, {X: most, Y: limit}}})
	}
	latency.Y = latencyAxis(latency.Series) // the objective's too, or a distant one would press the others flat
	good := chart.Lines{Title: "Good answers against the offered rate", X: chart.Axis{Label: "offered, requests/s"}, Y: chart.Axis{Label: "good, requests/s", Round: true}, Series: []chart.Series{
		{Name: "good", Points: points(func(p result.Probe) float64 { return p.Good }, nil), Dots: true},
		{Name: "all that is offered", Dashed: true, Points: []chart.Point{{}, {X: most, Y: most}}, Colour: 6},
	}}
	errors := chart.Lines{Title: "Errors against the offered rate", X: chart.Axis{Label: "offered, requests/s"}, Y: chart.Axis{Label: "errors, % of the requests", Round: true}, Series: []chart.Series{
		{Name: "errors", Points: points(func(p result.Probe) float64 { return 100 * p.Errors }, nil), Dots: true, Colour: 2},
	}}
	cpu := chart.Lines{Title: "CPU against the offered rate", X: chart.Axis{Label: "offered, requests/s"}, Y: chart.Axis{Label: "cores", Round: true}, Series: []chart.Series{
		{Name: "target", Points: points(func(p result.Probe) float64 { return p.TargetCPU }, nil), Dots: true},
		{Name: "load tester", Points: points(func(p result.Probe) float64 { return p.ToolCPU }, nil), Dots: true, Mark: chart.Ring},
	}}
	all := []chart.Figure{
		chart.NewFigure("Latency against the rate", "One dot for each probe; those after the overload, for the recovery, are left out.", latency),
		chart.NewFigure("Goodput against the rate", "The distance to the dashed line is what is refused, late or wrong.", good),
		chart.NewFigure("Errors against the rate", "", errors),
	}
	if known(cpu.Series[0]) || known(cpu.Series[1]) {
		all = append(all, chart.NewFigure("CPU against the rate", "", cpu))
	}
	return all
}

func slowest(probes []result.Probe) (most float64) {
	for _, p := range probes {
		if finite(p.P99) {
			most = max(most, p.P99)
		}
	}
	return most
}

func abFigures(r *result.Result) (all []chart.Figure) {
	ab := r.AB
	if ab == nil {
		return nil
	}
	f := chart.Forest{Title: "Ratios of B to A with their confidence intervals", Label: "ratio (left of 1: B is less)", Keys: []string{"B against A", "A against itself"}}
	for _, m := range ab.Metrics {
		f.Rows = append(f.Rows, chart.ForestRow{Name: m.Name, Intervals: []chart.Interval{
			{Mid: m.Ratio, Lo: m.Lo, Hi: m.Hi, Hint: fmt.Sprintf("%s, B/A: %s (%s); %s", m.Name, ratio(m.Ratio), interval(m.Lo, m.Hi, ratio), m.Verdict)},
			{Mid: m.AARatio, Lo: m.AALo, Hi: m.AAHi, Hint: fmt.Sprintf("%s, A/A: %s (%s)", m.Name, ratio(m.AARatio), interval(m.AALo, m.AAHi, ratio))},
		}})
	}
	if len(f.Rows) > 0 {
		all = append(all, chart.NewFigure("Ratios", "Dots are B/A and A/A, lines their 95 % intervals. A difference is shown only if B's interval leaves out 1 and reaches beyond A's own.", f))
	}
	if len(ab.A.Spectrum) > 1 || len(ab.B.Spectrum) > 1 {
		all = append(all, spectra("Latency spectrum of both", "Response latency, of the blocks that count.", curve{"A", &ab.A, false}, curve{"B", &ab.B, true}))
	}
	return all
}
