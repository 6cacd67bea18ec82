package report

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"

	"sluice/compare"
	"sluice/compare/sequence"
	"sluice/internal/chart"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// sheet is what the page shows.
type sheet struct {
	*document
	Style   template.CSS
	Good    bool
	Figures []chart.Figure
	// Requests are those of the rows that differ most.
	Requests []request
}

type request struct{ Name, Request, Replay string }

// HTML writes a report as one page: no script, nothing from the network, light and dark.
func HTML(w io.Writer, r *compare.Report) error {
	s := &sheet{document: describe(r), Style: template.CSS(chart.PageStyle + chart.Style + style), Good: r.Verdict == sequence.Pass} //nolint:gosec // constants of ours
	s.Figures = append(s.Figures, limits(r))
	for i := range r.Outputs {
		o := &r.Outputs[i]
		if len(o.Rows) > 0 {
			s.Figures = append(s.Figures, distribution("Differences of rows of "+o.Name, "In units of the tolerance; of a ranked list, its distance.",
				"rows", sizeName, []named{{"A/B", o.Rows}, {"A/A", o.AgainRows}}))
		}
		for k := range o.Worst {
			if x := &o.Worst[k]; k < shownWorst && x.Request != "" {
				s.Requests = append(s.Requests, request{fmt.Sprintf("%s, %s row %d", o.Name, x.ID, x.Row), x.Request, x.Replay})
			}
		}
	}
	if l := r.Latency; l != nil {
		s.Figures = append(s.Figures, distribution("Device time", "Of the same requests.", "requests", func(x float64) string { return "from " + compare.Number(x, compare.UnitSeconds) },
			[]named{{"primary", l.Primary.Bars}, {"candidate", l.Candidate.Bars}}))
	}
	var out bytes.Buffer
	if err := page.Execute(&out, s); err != nil {
		return fmt.Errorf("cannot write the report as HTML: %w", err)
	}
	// Written so, no reader of the file takes an address for a resource.
	_, err := io.WriteString(w, printable(string(bytes.ReplaceAll(out.Bytes(), []byte("://"), []byte(":&#47;&#47;")))))
	return err
}

// style is what this page has beside the common one.
const style = `
header.look { border-color: light-dark(#a67c00, #f0c040); } .look .state { background: light-dark(#7d5d00, #f0c040); }
pre { white-space: pre-wrap; font-size: 0.8rem; max-height: 16rem; overflow-y: auto; margin: 0.3rem 0 0.8rem; }
.words { text-align: left; } td.words { white-space: normal; overflow-wrap: break-word; }
`

// limits shows each criterion's interval in parts of its limit.
func limits(r *compare.Report) chart.Figure {
	colours := map[sequence.Verdict]int{sequence.Pass: 3, sequence.Fail: 2, sequence.Wait: 6, sequence.Look: 5}
	l := chart.Limits{Title: "The interval of each criterion against its limit.", Label: "parts of the limit"}
	for i := range r.Criteria {
		j := &r.Criteria[i]
		limit := math.Abs(j.Allowed.High)
		if limit == 0 {
			limit = 1
		}
		l.Margins = l.Margins || j.Criterion.Within != nil
		l.Rows = append(l.Rows, chart.LimitRow{Name: j.Name, Mid: j.Excess() / limit, Lo: j.Interval.Low / limit, Hi: j.Interval.High / limit, Colour: colours[j.Verdict], Hint: j.Sentence + ": " + j.Words()})
	}
	return chart.NewFigure("Intervals against their limits", "The dashed line is the limit: PASS (green) is wholly on its left, FAIL (orange) wholly on its right.", l)
}

// sizeName names the bar of a size; of differences that are too large for any bar, such as those of classes, most are infinite.
func sizeName(x float64) string {
	if x >= 1e7 {
		return "infinite"
	}
	return "from " + compare.Number(x, "")
}

type named struct {
	name string
	bars []compare.Bar
}

// distribution shows what share of each has a size.
func distribution(title, note, label string, write func(float64) string, all []named) chart.Figure {
	var from []float64
	for _, n := range all {
		for _, b := range n.bars {
			from = append(from, b.From)
		}
	}
	slices.Sort(from)
	from = slices.Compact(from)
	c := chart.Rows{Title: title, X: chart.Axis{Label: label + ", % of all"}}
	for _, x := range from {
		c.Names = append(c.Names, write(x))
	}
	for _, n := range all {
		total := int64(0)
		for _, b := range n.bars {
			total += b.Count
		}
		if total == 0 {
			continue
		}
		stack := chart.Stack{Name: n.name, Values: make([]float64, len(from))}
		for _, b := range n.bars {
			at, _ := slices.BinarySearch(from, b.From)
			stack.Values[at] = 100 * float64(b.Count) / float64(total)
		}
		c.Stacks = append(c.Stacks, stack)
	}
	return chart.NewFigure(title, note, c)
}
