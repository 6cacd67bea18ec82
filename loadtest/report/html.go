package report

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"sluice/internal/chart"
	"sluice/loadtest/result"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// sheet is what the page shows.
type sheet struct {
	*document
	Style    template.CSS
	Subtitle string
	Figures  []chart.Figure
	// First stand above the figures, Rest below them.
	First, Rest []part
	// Seconds is the data behind the charts over time.
	Seconds     part
	Definitions []definition
}

// Word says whether a column is text.
func (t table) Word(i int) bool { return i > 0 && i >= t.columns()-t.Words }

func (t table) columns() (n int) {
	n = len(t.Head)
	for _, r := range t.Rows {
		n = max(n, len(r.Cells))
	}
	return n
}

// HTML writes a result as one page: no script, nothing from the network, light and dark.
func HTML(w io.Writer, r *result.Result) error {
	s := &sheet{document: describe(r), Subtitle: subtitle(r), Figures: figures(r), Seconds: perSecond(r), Definitions: definitions(r)}
	return s.write(w)
}

// lead are the parts that answer the question that was asked.
var lead = []string{"Capacity", "Probes", "B against A", "Mirrored answers", "Thresholds", "Runs", "Key figures"}

func (s *sheet) write(w io.Writer) error {
	s.Style = template.CSS(chart.PageStyle + chart.Style) //nolint:gosec // constants of ours
	for _, p := range s.Parts {
		if slices.Contains(lead, p.Title) {
			s.First = append(s.First, p)
		} else {
			s.Rest = append(s.Rest, p)
		}
	}
	var out bytes.Buffer
	if err := page.Execute(&out, s); err != nil {
		return fmt.Errorf("cannot write the report as HTML: %w", err)
	}
	// Addresses are text here; written so, no reader or checker of the file takes one for a
	// resource. Control characters, which may come from a server, are not allowed in a page.
	text := bytes.Map(func(c rune) rune {
		if c == '\n' {
			return c
		}
		return result.Printable(c)
	}, out.Bytes())
	_, err := w.Write(bytes.ReplaceAll(text, []byte("://"), []byte(":&#47;&#47;")))
	return err
}

func subtitle(r *result.Result) string {
	parts := []string{"sluice loadtest " + r.Command}
	for i, t := range r.Targets {
		name := bare(t.URL)
		if t.Model != "" {
			name += "/" + t.Model
		}
		if len(r.Targets) > 1 {
			name = side(i) + " " + name
		}
		parts = append(parts, name)
	}
	for _, text := range []string{r.Load.Expression, r.Start} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if r.Env.SameHost {
		parts = append(parts, "same host: yes")
	}
	return strings.Join(parts, ", ")
}

// mostRows is up to how many seconds the table behind the charts has.
const mostRows = 3600

func perSecond(r *result.Result) part {
	p := part{Title: "Each second as a table (latencies in ms)"}
	p.Table.Head = []string{"s", "offered", "sent", "good", "in flight", "p50", "p90", "p99", "max", "service p99", "lag p99", "batch", "target cores", "tool cores", "RSS, MB", "GPU"}
	for i := range r.Series[:min(len(r.Series), mostRows)] {
		s := &r.Series[i]
		p.Table.add(digitsOrNone(s.T, true), count(s.Offered), count(s.Sent), count(s.Good), count(s.InFlight),
			digitsOrNone(s.P50, false), digitsOrNone(s.P90, false), digitsOrNone(s.P99, false), digitsOrNone(s.Max, false),
			digitsOrNone(s.Service, false), digitsOrNone(s.Lag, true), digitsOrNone(s.Batch, false),
			digitsOrNone(s.TargetCPU, false), digitsOrNone(s.ToolCPU, false), digitsOrNone(float64(s.RSS)/1e6, false), percentOrNone(s.GPU))
	}
	if len(r.Series) > mostRows {
		p.Title += fmt.Sprintf("; the first %s of %s", count(mostRows), count(int64(len(r.Series))))
	}
	return p
}

// digitsOrNone shows 0 only where it can be a value.
func digitsOrNone(v float64, zero bool) string {
	if v == 0 && !zero {
		return none
	}
	if zero && v == float64(int64(v)) {
		return grouped(v, 0)
	}
	return digits(v)
}

func percentOrNone(v float64) string {
	if v == 0 {
		return none
	}
	return percent(v)
}
