package report

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"sluice/internal/chart"
	"sluice/plan"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"ms": milliseconds, "quantile": quantile, "percent": func(part float64) string { return fmt.Sprintf("%.2f %%", 100*part) },
	"fleet": plan.Fleet, "shown": shown, "state": verdict, "factors": factors,
	"held": func(held *bool) string {
		switch {
		case held == nil:
			return ""
		case *held:
			return "held"
		default:
			return "missed"
		}
	},
	"rate": func(v float64) string { return fmt.Sprintf("%.0f/s", v) },
}).Parse(pageText))

// HTML writes an answer as one page: no script, nothing from the network, light and dark.
func HTML(w io.Writer, a *plan.Answer) error {
	figures := overLoad(a)
	figures = append(figures, latencies(a.Outcome), shares(a), rates(a.Outcome), sizes(a.Outcome), waiting(a.Outcome), histogram(a.Outcome))
	return page.Execute(w, struct {
		*plan.Answer
		Style   template.CSS
		Reasons []string
		Figures []chart.Figure
	}{a, template.CSS(chart.Style), reasonList(a.Outcome), figures}) //nolint:gosec // a constant of ours
}

func reasonList(o *plan.Outcome) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(o.Reasons)) {
		list = append(list, fmt.Sprintf("%s: %d", strings.ReplaceAll(name, "_", " "), o.Reasons[name]))
	}
	return list
}

// overLoad are the curves of the sweeps; none without a sweep.
func overLoad(a *plan.Answer) []chart.Figure {
	if len(a.Sweeps) == 0 {
		return nil
	}
	goodput := chart.Lines{Title: "Answers in time against the load", X: chart.Axis{Label: "offered, requests/s"}, Y: chart.Axis{Round: true, Label: "answered in time, requests/s"}}
	attained := chart.Lines{Title: "Part in time against the load", X: chart.Axis{Label: "offered, requests/s"}, Y: chart.Axis{Round: true, Label: "answered in time, %", Max: 100}}
	tails := chart.Lines{Title: "Latency against the load", X: chart.Axis{Label: "offered, requests/s"}, Y: chart.Axis{Round: true, Label: "latency of answers, ms"}}
	reference := chart.Series{Name: "all that is offered", Dashed: true}
	for i, s := range a.Sweeps {
		name := plan.Fleet(s.Fleet)
		good, part := chart.Series{Name: name, Dots: true}, chart.Series{Name: name, Dots: true}
		p50, p99 := chart.Series{Name: "p50", Dots: true}, chart.Series{Name: "p99", Dots: true}
		for _, p := range s.Points {
			hint := fmt.Sprintf("%s at %gx, %.0f/s: %.0f/s in time, %.2f %%", name, p.Factor, p.Offered, p.Goodput, 100*p.Attainment)
			good.Points = append(good.Points, chart.Point{X: p.Offered, Y: p.Goodput, Hint: hint})
			part.Points = append(part.Points, chart.Point{X: p.Offered, Y: 100 * p.Attainment, Hint: hint})
			if i == 0 {
				reference.Points = append(reference.Points, chart.Point{X: p.Offered, Y: p.Offered})
			}
			if p.Latency.P99 != nil {
				p50.Points = append(p50.Points, chart.Point{X: p.Offered, Y: 1000 * p.Latency.P50.Seconds()})
				p99.Points = append(p99.Points, chart.Point{X: p.Offered, Y: 1000 * p.Latency.P99.Seconds()})
			}
		}
		goodput.Series, attained.Series = append(goodput.Series, good), append(attained.Series, part)
		if i == 0 {
			tails.Series = []chart.Series{p50, p99}
		}
	}
	goodput.Series = append(goodput.Series, reference)
	return []chart.Figure{
		chart.NewFigure("Goodput against load", "The distance to the dashed line is what is late, refused or dropped.", goodput),
		chart.NewFigure("Attainment against load", "The part of all requests that is answered within its budget.", attained),
		chart.NewFigure("Latency against load", "Of what is answered, by "+plan.Fleet(a.Sweeps[0].Fleet)+".", tails),
	}
}

func latencies(o *plan.Outcome) chart.Figure {
	l := chart.Lines{Title: "Latency by the part of all requests", X: chart.Axis{Label: "part of all requests answered within", Tail: true}, Y: chart.Axis{Round: true, Label: "latency, ms"}}
	s := chart.Series{Name: "latency"}
	for _, p := range o.Curve {
		ms := 1000 * p.Latency.Seconds()
		s.Points = append(s.Points, chart.Point{X: p.Part, Y: ms, Hint: fmt.Sprintf("%.6g %% of all requests within %.3g ms", 100*p.Part, ms)})
	}
	l.Series = []chart.Series{s}
	return chart.NewFigure("Latency", "Read: so many per cent of all requests are answered within so many milliseconds. The curve ends where the rest is not answered, or where chance alone decides.", l)
}

// shares are by load if there is a sweep, else by device.
func shares(a *plan.Answer) chart.Figure {
	b := chart.Bars{Title: "Where answers in time come from", Y: chart.Axis{Round: true, Label: "part of the answers in time, %", Max: 100}}
	if len(a.Sweeps) == 0 {
		b.X.Label = "device"
		values := chart.Stack{Name: "share"}
		for _, d := range shown(a.Outcome) {
			b.X.Names = append(b.X.Names, d.Name)
			values.Values = append(values.Values, 100*d.Share)
		}
		b.Stacks = []chart.Stack{values}
		return chart.NewFigure("Device shares", "Which device the answers in time come from.", b)
	}
	b.X.Label = "times the load"
	for _, g := range a.Sweeps[0].Fleet {
		b.Stacks = append(b.Stacks, chart.Stack{Name: plan.Devices(g.Kind, g.Count)})
	}
	for _, p := range a.Sweeps[0].Points {
		b.X.Names = append(b.X.Names, fmt.Sprintf("%gx", p.Factor))
		for i, share := range p.Shares {
			b.Stacks[i].Values = append(b.Stacks[i].Values, 100*share.Part)
		}
	}
	return chart.NewFigure("Device shares over the load", "Which devices the answers in time come from.", b)
}

// overTime draws figures of the slices.
func overTime(o *plan.Outcome, title, unit, note string, names []string, values ...func(plan.Slice) float64) chart.Figure {
	l := chart.Lines{Title: title, X: chart.Axis{Label: "virtual time, s"}, Y: chart.Axis{Round: true, Label: unit}}
	for i, value := range values {
		s := chart.Series{Name: names[i], Steps: true}
		for _, slice := range o.Series {
			s.Points = append(s.Points, chart.Point{X: slice.At.Seconds(), Y: value(slice)})
		}
		l.Series = append(l.Series, s)
	}
	return chart.NewFigure(title, note, l)
}

func rates(o *plan.Outcome) chart.Figure {
	return overTime(o, "Load and goodput over time", "requests/s", "Of the requests that arrive in each slice of time.", []string{"offered", "answered in time"},
		func(s plan.Slice) float64 { return s.Offered }, func(s plan.Slice) float64 { return s.Goodput })
}

func sizes(o *plan.Outcome) chart.Figure {
	return overTime(o, "Batch sizes over time", "mean batch, rows", "Batches follow the load: a free device takes what waits.", []string{"mean batch"},
		func(s plan.Slice) float64 { return s.MeanBatch })
}

func waiting(o *plan.Outcome) chart.Figure {
	return overTime(o, "Queue over time", "longest queue, rows", "Over all devices, the most rows that wait at once in each slice.", []string{"queue"},
		func(s plan.Slice) float64 { return float64(s.Queue) })
}

func histogram(o *plan.Outcome) chart.Figure {
	b := chart.Bars{Title: "Batch sizes", X: chart.Axis{Label: "rows of a batch"}, Y: chart.Axis{Round: true, Label: "part of the batches, %"}}
	values := chart.Stack{Name: "batches"}
	for _, c := range classes(o) {
		b.X.Names = append(b.X.Names, c.name)
		values.Values = append(values.Values, 100*c.part)
	}
	b.Stacks = []chart.Stack{values}
	return chart.NewFigure("Batch sizes", "", b)
}
