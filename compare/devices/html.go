package devices

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"

	"sluice/compare/price"
	"sluice/internal/chart"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// sheet is what the page shows.
type sheet struct {
	Report         *Report
	State, Subject string
	Good           bool
	Style          template.CSS
	Figures        []chart.Figure
	Text           string
}

// style is what this page has beside the common one.
const style = `
header.look { border-color: light-dark(#a67c00, #f0c040); } .look .state { background: light-dark(#7d5d00, #f0c040); }
pre { font-size: 0.8rem; }
`

// HTML writes a report as one page: no script, nothing from the network, light and dark.
func HTML(w io.Writer, r *Report) error {
	var text strings.Builder
	if err := Text(&text, r); err != nil {
		return err
	}
	s := &sheet{
		Report: r, State: r.Verdict.Kind, Subject: fmt.Sprintf("%s/%s on %s and %s", r.Model.Name, r.Model.Version, r.Devices[0].Name, r.Devices[1].Name),
		Good: r.Verdict.Device != "", Style: template.CSS(chart.PageStyle + chart.Style + style), Text: text.String(), //nolint:gosec // constants of ours
	}
	if r.Verdict.Device != "" {
		s.State = r.Verdict.Device
	}
	if r.Price != nil && r.Price.Verdict.Kind != price.Neither {
		s.Figures = append(s.Figures, r.costFigure())
	}
	if f, some := r.batchFigure(); some {
		s.Figures = append(s.Figures, f)
	}
	if f, some := r.loadFigure(); some {
		s.Figures = append(s.Figures, f)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, s); err != nil {
		return fmt.Errorf("cannot write the report as HTML: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// steps is how many rates the curve of costs has.
const steps = 400

// costFigure is what rows cost at any load up to three times the highest break-even point, or the peak.
func (r *Report) costFigure() chart.Figure {
	fleet := price.Fleet{Headroom: r.Price.Headroom, Replicas: r.Price.Replicas}
	most := 3 * r.Price.Peak
	for _, at := range r.Price.BreakEven {
		if at < 10*r.Price.Peak {
			most = max(most, 1.5*at)
		}
	}
	unit := "device-seconds"
	if r.Price.Currency != "" {
		unit = r.Price.Currency
	}
	l := chart.Lines{Title: "What a million rows cost on each device at any load.", X: chart.Axis{Label: "rows/s"}, Y: chart.Axis{Label: unit + " per million rows"}}
	for _, f := range r.Price.Devices {
		d := price.Device{Name: f.Name, RowsPerSecond: f.RowsPerSecond, PricePerHour: f.PricePerHour}
		series := chart.Series{Name: f.Name}
		for i := 1; i <= steps && d.RowsPerSecond > 0; i++ {
			rate := most * float64(i) / steps
			y := fleet.DeviceSeconds(d, rate)
			if r.Price.Currency != "" {
				y = fleet.CostPerMillion(d, rate)
			}
			if i < steps/40 {
				y = math.NaN() // next to no load one replica is dear beyond any scale
			}
			series.Points = append(series.Points, chart.Point{X: rate, Y: y})
		}
		l.Series = append(l.Series, series)
	}
	return chart.NewFigure("Cost at any load", fmt.Sprintf("Each step is one more replica. Today's load is %s rows/s.", number(r.Price.Mean)), l)
}

// batchFigure is what a row costs a device by the size of its batch.
func (r *Report) batchFigure() (chart.Figure, bool) {
	l := chart.Lines{Title: "What 1,000 rows take on each device, by batch size.", X: chart.Axis{Label: "rows in a batch"}, Y: chart.Axis{Label: "ms per 1,000 rows"}}
	some := false
	for _, d := range r.Devices {
		s := chart.Series{Name: d.Name, Dots: true}
		for _, p := range d.Warm {
			s.Points = append(s.Points, chart.Point{X: float64(p.Rows), Y: float64(d.Warm.PerThousand(p.Rows)) / float64(time.Millisecond)})
			some = true
		}
		l.Series = append(l.Series, s)
	}
	return chart.NewFigure("Device time by batch", "Warm runs, of full batches of each size.", l), some
}

// loadFigure is the tail latency at the rates that were tried.
func (r *Report) loadFigure() (chart.Figure, bool) {
	l := chart.Lines{Title: "The p99 of requests on each device at the rates that were tried.", X: chart.Axis{Label: "rows/s"}, Y: chart.Axis{Label: "p99, ms"}}
	some := false
	for _, d := range r.Devices {
		s := chart.Series{Name: d.Name, Dots: true}
		for _, p := range d.Load.Points {
			if p.P99 > 0 {
				s.Points = append(s.Points, chart.Point{X: p.RowsPerSecond, Y: p.P99, Hint: fmt.Sprintf("%s rows/s: %s, %s", number(p.RowsPerSecond), milliseconds(p.P99), p.Outcome)})
				some = true
			}
		}
		l.Series = append(l.Series, s)
	}
	return chart.NewFigure("Latency under load", "From the intended start of each request; the objective is "+r.Objective+".", l), some
}
