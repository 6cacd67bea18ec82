package load

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes the description for a person. The error is the writer's.
func (d *Description) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("arrivals", "%d in %s", d.Arrivals, seconds(d.Length))
	if d.Start != "" {
		row("start", "%s", d.Start)
	}
	row("rate", "mean %.4g/s, busiest second %.4g/s at %s", d.Mean, d.Peak, seconds(d.PeakAt))
	row("gaps", "coefficient of variation %.2f (0 even, 1 Poisson, more is burstier)", d.CV)
	verdict := "exponential gaps are not refuted"
	if d.KS > d.Critical {
		verdict = "the gaps are not exponential"
	}
	row("", "KS distance to exponential %.4f, critical at 1 %% %.4f: %s", d.KS, d.Critical, verdict)
	for i, index := range d.Dispersion {
		name := ""
		if i == 0 {
			name = "dispersion"
		}
		row(name, "%.2f in %d windows of %s (variance/mean of the counts; 1 is Poisson)", index.Index, index.Windows, seconds(index.Window))
	}
	row("models", "%s", list(d.Models))
	row("versions", "%s", list(d.Versions))
	row("statuses", "%s; %d late", list(d.Statuses), d.Late)
	row("rows", "%s", d.Rows)
	row("bytes", "%s", d.Bytes)
	row("budgets", "%s", list(d.Budgets))
	row("priorities", "%s", list(d.Priorities))
	if d.Suggestion != "" {
		row("resembles", "--load %s", d.Suggestion)
	}
	row("because", "%s", d.Why)
	err := t.Flush()
	if err == nil {
		_, err = io.WriteString(w, d.chart())
	}
	if err != nil {
		return fmt.Errorf("cannot write the description: %w", err)
	}
	return nil
}

// String is the quantiles in a line.
func (s Sizes) String() string {
	if s.N == 0 {
		return "not told"
	}
	return fmt.Sprintf("mean %.4g, min %d, p50 %d, p90 %d, p99 %d, max %d", s.Mean, s.Min, s.P50, s.P90, s.P99, s.Max)
}

func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d > time.Second {
		d = d.Round(time.Millisecond)
	}
	return d.String()
}

// list names the first few.
func list(all []Share) string {
	const most = 6
	var named []string
	for _, s := range all[:min(len(all), most)] {
		named = append(named, fmt.Sprintf("%s %.3g %%", s.Name, 100*s.Share))
	}
	text := strings.Join(named, ", ")
	if len(all) > most {
		text += fmt.Sprintf(" and %d more", len(all)-most)
	}
	return text
}

// chart draws the profile as lines of bars, at most 48 of them.
func (d *Description) chart() string {
	const lines, width = 48, 50
	if len(d.Profile) < 2 || slices.Max(d.Profile) == 0 {
		return ""
	}
	most := slices.Max(d.Profile)
	each := (len(d.Profile) + lines - 1) / lines
	var b strings.Builder
	what := "rate over time"
	if d.Folded {
		what = "rate by the hour of the day"
	}
	fmt.Fprintf(&b, "\n%s\n", what)
	for i := 0; i < len(d.Profile); i += each {
		part := d.Profile[i:min(i+each, len(d.Profile))]
		mean := 0.0
		for _, rate := range part {
			mean += rate / float64(len(part))
		}
		fmt.Fprintf(&b, "%10s  %-*s %.4g/s\n", seconds(float64(i)*d.ProfileStep), width, strings.Repeat("#", int(width*mean/most+0.5)), mean)
	}
	return b.String()
}
