package report

import (
	"strconv"

	"sluice/internal/chart"
	"sluice/loadtest/result"
)

// drawn is a chart over time: lines of one unit.
type drawn struct {
	title, label, note string
	lines              []chart.Series
	// always draws it even if all is 0.
	always bool
}

// overTime are the charts of rates and resources. A chart whose values are all 0 says that
// nothing is known, and is left out.
func overTime(r *result.Result) (all []chart.Figure) {
	if len(r.Series) < 2 {
		return nil
	}
	of := func(name string, value func(*result.Second) float64) chart.Series { return line(r, name, value) }
	charts := []drawn{
		{"Rates", "requests/s", "Offered is the schedule. What is sent below it waits in the load tester; what is good below what is sent is refused, late or wrong.", []chart.Series{
			of("sent", func(s *result.Second) float64 { return float64(s.Sent) }), of("good", func(s *result.Second) float64 { return float64(s.Good) }),
			dashed(of("offered", func(s *result.Second) float64 { return float64(s.Offered) })),
		}, true},
		{"In flight", "requests", "Sent and not answered at the end of each second; and what waits in the target, where it tells.", []chart.Series{
			of("in flight", func(s *result.Second) float64 { return float64(s.InFlight) }), of("queue of the target", func(s *result.Second) float64 { return s.Queue }),
		}, true},
	}
	rest := []drawn{
		{"CPU", "cores", "", []chart.Series{of("target", func(s *result.Second) float64 { return s.TargetCPU }), of("load tester", func(s *result.Second) float64 { return s.ToolCPU })}, false},
		{"Memory of the target", "RSS, MB", "", []chart.Series{of("RSS", func(s *result.Second) float64 { return float64(s.RSS) / 1e6 })}, false},
		{"GPU", "utilisation, %", "", []chart.Series{of("GPU", func(s *result.Second) float64 { return 100 * s.GPU })}, false},
		{"Batch over time", "mean rows", "", []chart.Series{of("batch", func(s *result.Second) float64 { return s.Batch })}, false},
		{"Spilled and shed", "requests/s", "Spilled to another device, and refused because no device would be in time.", []chart.Series{
			of("spilled", func(s *result.Second) float64 { return s.Spills }), of("shed", func(s *result.Second) float64 { return s.Sheds }),
		}, false},
		{"Lag over time", "p99 of the lag, ms", "How late requests were written, behind the schedule.", []chart.Series{of("lag", func(s *result.Second) float64 { return s.Lag })}, false},
	}
	for _, d := range charts {
		all = d.append(all)
	}
	all = append(all, outcomesOverTime(r))
	for _, d := range rest {
		all = d.append(all)
	}
	return all
}

// append leaves out lines that are 0 throughout, and the chart if no line is left.
func (d drawn) append(all []chart.Figure) []chart.Figure {
	l := chart.Lines{Title: d.title + ", by second", X: chart.Axis{Label: timeLabel}, Y: chart.Axis{Label: d.label, Round: true}}
	for i, s := range d.lines {
		if s.Colour == 0 {
			s.Colour = i%chart.Colours + 1
		}
		if known(s) || d.always && i == 0 {
			l.Series = append(l.Series, s)
		}
	}
	if len(l.Series) == 0 {
		return all
	}
	return append(all, chart.NewFigure(d.title, d.note, l))
}

// dashed makes a line a reference: drawn over those that it is there for, which show through.
func dashed(s chart.Series) chart.Series {
	s.Dashed, s.Colour = true, chart.Colours
	return s
}

func known(s chart.Series) bool {
	for _, p := range s.Points {
		if finite(p.Y) && p.Y > 0 {
			return true
		}
	}
	return false
}

// kinds are what outcomes are drawn as: few enough to be told apart.
var kinds = []struct {
	name     string
	colour   int
	outcomes []string
}{
	{"good", 3, []string{"ok"}},
	{"rejected (429, 503)", 5, []string{"rejected"}},
	{"wrong answer", 2, []string{"wrong"}},
	{"error (4xx, 5xx)", 4, []string{"client_err", "server_err"}},
	{"timeout", 6, []string{"timeout"}},
	{"no connection or lost", 1, []string{"refused", "failed_before_write", "lost_after_write", "none"}},
}

// mostBars is how many bars a chart over time has at most; more seconds share one.
const mostBars = 120

func outcomesOverTime(r *result.Result) chart.Figure {
	each := 1 + (len(r.Series)-1)/mostBars
	b := chart.Bars{Title: "How the requests of each second ended", X: chart.Axis{Label: timeLabel}, Y: chart.Axis{Label: "requests/s", Round: true}}
	for i := 0; i < len(r.Series); i += each {
		b.X.Names = append(b.X.Names, strconv.Itoa(i))
	}
	for _, k := range kinds {
		s := chart.Stack{Name: k.name, Colour: k.colour, Values: make([]float64, len(b.X.Names))}
		sum := int64(0)
		for i := range r.Series {
			share := min(each, len(r.Series)-i/each*each) // seconds of the last bar may be fewer
			for _, o := range k.outcomes {
				n := r.Series[i].Outcomes[o]
				sum += n
				s.Values[i/each] += float64(n) / float64(share)
			}
		}
		if sum > 0 {
			b.Stacks = append(b.Stacks, s)
		}
	}
	return chart.NewFigure("Outcomes", "How the requests ended that were meant to be sent in each second.", b)
}
