package report

import (
	"fmt"
	"math"

	"sluice/internal/chart"
	"sluice/loadtest/result"
)

// figures are the charts of one result; those without data are left out.
func figures(r *result.Result) (all []chart.Figure) {
	whole := *r // a part of a second would look like a fall
	whole.Series = r.Whole()
	r = &whole
	all = append(all, capacityFigures(r)...)
	all = append(all, abFigures(r)...)
	own := len(all)
	if len(r.Series) > 1 { // one point makes no line
		all = append(all, latencyOverTime(r))
	}
	if len(r.Response.Spectrum) > 1 && r.AB == nil { // which has one of each side
		all = append(all, spectra("Latency spectrum", "Read: so many per cent of the good answers came within so many milliseconds. Where the two lines part, requests waited before they were sent.",
			curve{"response, from the intended start", &r.Response, false}, curve{"service, from the send", &r.Service, true}))
	}
	all = append(all, overTime(r)...)
	if len(r.Stages) > 0 {
		all = append(all, stageBars(r))
	}
	if s := sizesOf(r.Batches); s.total > 0 {
		all = append(all, batchBars(s))
	}
	of := ""
	switch {
	case r.Capacity != nil:
		of = ", in the last run"
	case r.AB != nil:
		of = ", of both"
	}
	for i := own; i < len(all); i++ {
		all[i].Title += of
	}
	return all
}

const timeLabel = "time since the start of the measured window, s"

// latencyOrGap is a latency, or a gap where there is none.
func latencyOrGap(v float64) float64 {
	if v <= 0 {
		return math.NaN()
	}
	return v
}

// latencyAxis is logarithmic if the values are so far apart that small ones would lie on the ground.
func latencyAxis(series []chart.Series) chart.Axis {
	a := chart.Axis{Label: "latency, ms", Round: true}
	low, high := math.Inf(1), 0.0
	for _, s := range series {
		for _, p := range s.Points {
			if finite(p.Y) && p.Y > 0 {
				low, high = min(low, p.Y), max(high, p.Y)
			}
		}
	}
	if high > 30*low {
		a.Log, a.Label = true, "latency, ms (logarithmic)"
	}
	return a
}

// line is a figure over time of the series.
func line(r *result.Result, name string, value func(*result.Second) float64) chart.Series {
	s := chart.Series{Name: name}
	for i := range r.Series {
		s.Points = append(s.Points, chart.Point{X: r.Series[i].T, Y: value(&r.Series[i])})
	}
	s.Points = thin(s.Points, mostPoints)
	return s
}

func latencyOverTime(r *result.Result) chart.Figure {
	l := chart.Lines{Title: "Response latency of each second", X: chart.Axis{Label: timeLabel}, Series: []chart.Series{
		line(r, "p50", func(s *result.Second) float64 { return latencyOrGap(s.P50) }),
		line(r, "p90", func(s *result.Second) float64 { return latencyOrGap(s.P90) }),
		line(r, "p99", func(s *result.Second) float64 { return latencyOrGap(s.P99) }),
		line(r, "max", func(s *result.Second) float64 { return latencyOrGap(s.Max) }),
		line(r, "service p99", func(s *result.Second) float64 { return latencyOrGap(s.Service) }),
	}}
	l.Series[4] = dashed(l.Series[4])
	end := r.Series[len(r.Series)-1].T
	for _, t := range r.Thresholds {
		if name, limit := objective(t.Expression); limit > 0 {
			l.Series = append(l.Series, chart.Series{Name: "threshold " + name, Dashed: true, Colour: 5, Points: []chart.Point{{X: 0, Y: limit}, {X: end, Y: limit}}})
			break
		}
	}
	l.Y = latencyAxis(l.Series) // the threshold's too, or a distant one would press the others flat
	return chart.NewFigure("Latency over time", "Of the good answers to the requests that were meant to be sent in each second; a gap is a second without one. The dashed line is what a client would see that starts its clock when it sends.", l)
}

// curve is a latency to be drawn as a spectrum.
type curve struct {
	name   string
	l      *result.Latency
	dashed bool
}

// spectra draws curves whose X is 1/(1-p), from 1 for the fastest answer to their number for the slowest.
func spectra(title, note string, curves ...curve) chart.Figure {
	l := chart.Lines{Title: title, X: chart.Axis{Label: "part of the answers within it (spaced by 1/(1-p))", Tail: true}}
	for _, c := range curves {
		s := chart.Series{Name: c.name, Dashed: c.dashed}
		for _, p := range c.l.Spectrum {
			if finite(p.X) && finite(p.Y) && p.X >= 1 {
				x := 1 - 1/p.X
				s.Points = append(s.Points, chart.Point{X: x, Y: p.Y, Hint: fmt.Sprintf("%s: %.6g %% within %s", c.name, 100*x, ms(p.Y))})
			}
		}
		s.Points = thin(s.Points, mostPoints)
		l.Series = append(l.Series, s)
	}
	l.Y = latencyAxis(l.Series)
	return chart.NewFigure(title, note, l)
}

func stageBars(r *result.Result) chart.Figure {
	b := chart.Rows{Title: "Stages of the response latency", X: chart.Axis{Label: "ms", Round: true}, Stacks: []chart.Stack{{Name: "mean"}, {Name: "p99"}}}
	for _, s := range r.Stages {
		b.Names = append(b.Names, s.Name)
		b.Stacks[0].Values, b.Stacks[1].Values = append(b.Stacks[0].Values, s.Mean), append(b.Stacks[1].Values, s.P99)
	}
	if !tailsGiven(r) {
		b.Stacks = b.Stacks[:1]
		return chart.NewFigure("Where the response latency goes", "Means add up to the mean response latency. There are too few answers for tails.", b)
	}
	return chart.NewFigure("Where the response latency goes", "Means add up to the mean response latency; the p99 of the stages do not add up, since the slow requests of each are different ones.", b)
}

func batchBars(s sizes) chart.Figure {
	b := chart.Bars{Title: "Answers by the size of their batch", X: chart.Axis{Label: "rows of the batch"}, Y: chart.Axis{Label: "part of the answers, %", Round: true}}
	values := chart.Stack{Name: "answers"}
	for _, c := range s.classes {
		b.X.Names = append(b.X.Names, c.Name)
		values.Values = append(values.Values, 100*float64(c.N)/float64(s.total))
	}
	b.Stacks = []chart.Stack{values}
	return chart.NewFigure("Batch sizes", "As the target says with each answer.", b)
}
