package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/plan"
)

// Text writes an answer as a person reads it: the verdict first.
func Text(w io.Writer, a *plan.Answer) error {
	p := &printer{}
	p.line("%s", a.Verdict)
	p.line("")
	p.inputs(a)
	p.checks(a)
	p.outcome(a.Outcome)
	p.devices(a.Outcome)
	p.models(a.Outcome)
	p.batches(a.Outcome)
	p.search(a.Search)
	for _, s := range a.Sweeps {
		p.sweep(s)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

type printer struct{ strings.Builder }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes rows whose cells are separated by tabs, the first column to the left.
func (p *printer) table(rows []string) {
	t := tabwriter.NewWriter(p, 0, 0, 2, ' ', tabwriter.AlignRight)
	left := 0
	for _, row := range rows {
		first, _, _ := strings.Cut(row, "\t")
		left = max(left, len(first))
	}
	for _, row := range rows {
		first, rest, _ := strings.Cut(row, "\t")
		fmt.Fprintf(t, "%-*s\t%s\t\n", left, first, rest)
	}
	t.Flush() //nolint:errcheck // a strings.Builder takes everything
	p.line("")
}

func (p *printer) inputs(a *plan.Answer) {
	o := a.Outcome
	for _, load := range a.Inputs.Loads {
		p.line("traffic     %s%s", load, factors(o))
	}
	if a.Inputs.Trace != "" {
		p.line("trace       %s%s", a.Inputs.Trace, factors(o))
	}
	p.line("fleet       %s", plan.Fleet(o.Fleet))
	for _, c := range a.Inputs.Costs {
		p.line("cost        %s on %s: 1 row in %s, best %d rows in %s (%.0f rows/s a lane)", c.Model, c.Kind,
			milliseconds(c.Curve.At(1)), c.Best, milliseconds(c.Curve.At(c.Best)), c.BestRows)
	}
	var budgets []string
	for _, m := range a.Inputs.Models {
		budgets = append(budgets, fmt.Sprintf("%s %v", m.Name, m.Budget))
	}
	p.line("budget      %s", strings.Join(budgets, ", "))
	p.line("simulated   %v after %v of warm-up, seed %d; noise %s", o.Length.Round(time.Millisecond), a.Inputs.Warmup, o.Seed, a.Inputs.Noise)
	p.line("")
}

func factors(o *plan.Outcome) string {
	text := ""
	if o.Scale != 1 {
		text += fmt.Sprintf(", %.4g times the rate", o.Scale)
	}
	if o.Speed != 1 {
		text += fmt.Sprintf(", %.4g times as fast", o.Speed)
	}
	return text
}

func (p *printer) checks(a *plan.Answer) {
	for _, c := range a.Checks {
		p.line("objective   %s: %s; it is %s", c.Objective, verdict(c), c.Value)
	}
	if len(a.Checks) > 0 {
		p.line("")
	}
}

func verdict(c plan.Check) string {
	switch {
	case !c.Sure:
		return "too few requests to tell"
	case c.Held:
		return "holds"
	default:
		return "does not hold"
	}
}

func (p *printer) outcome(o *plan.Outcome) {
	p.line("requests    %d: %d in time, %d late, %d dropped, %d refused%s", o.Arrived, o.InTime, o.Late, o.Dropped, o.Refused, reasons(o))
	p.line("goodput     %.0f/s of %.0f/s, %.2f %% in time (%.0f rows/s)", o.Goodput, o.Offered, 100*o.Attainment, o.GoodRows)
	p.line("latency     %s", latency(o.Latency))
	p.line("queue       %.1f rows on average, %d at most", o.Queue.Mean, o.Queue.Max)
	p.line("")
}

func reasons(o *plan.Outcome) string {
	var parts []string
	for name, n := range o.Reasons {
		parts = append(parts, fmt.Sprintf("%s %d", name, n))
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}

func latency(l plan.Latency) string {
	return fmt.Sprintf("mean %s  p50 %s  p90 %s  p99 %s  p99.9 %s  max %s", milliseconds(l.Mean),
		quantile(l.P50), quantile(l.P90), quantile(l.P99), quantile(l.P999), milliseconds(l.Max))
}

// quantile is a dash if too few requests tell.
func quantile(d *time.Duration) string {
	if d == nil {
		return "-"
	}
	return milliseconds(*d)
}

func milliseconds(d time.Duration) string {
	ms := d.Seconds() * 1000
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	default:
		return fmt.Sprintf("%.3g ms", ms)
	}
}

// manyDevices is from how many on the table gives a line to each kind.
const manyDevices = 12

func (p *printer) devices(o *plan.Outcome) {
	rows := []string{"device\tshare\tin time\tlate\tbatches\tmean batch\tutilisation"}
	for _, d := range shown(o) {
		rows = append(rows, fmt.Sprintf("%s\t%.1f %%\t%d\t%d\t%d\t%.1f\t%.1f %%", d.Name, 100*d.Share, d.InTime, d.Late, d.Batches, d.MeanBatch, 100*d.Utilisation))
	}
	p.table(rows)
}

// shown are the outcome's devices, those of one kind as one if there are many.
func shown(o *plan.Outcome) []plan.DeviceOutcome {
	if len(o.Devices) <= manyDevices {
		return o.Devices
	}
	var all []plan.DeviceOutcome
	for _, g := range o.Fleet {
		sum := plan.DeviceOutcome{Name: fmt.Sprintf("%s (%d)", g.Kind, g.Count), Kind: g.Kind}
		for _, d := range o.Devices {
			if d.Kind != g.Kind {
				continue
			}
			sum.Share += d.Share
			sum.InTime += d.InTime
			sum.Late += d.Late
			sum.Batches += d.Batches
			sum.Rows += d.Rows
			sum.Utilisation += d.Utilisation / float64(g.Count)
		}
		sum.MeanBatch = float64(sum.Rows) / float64(max(sum.Batches, 1))
		all = append(all, sum)
	}
	return all
}

func (p *printer) models(o *plan.Outcome) {
	if len(o.Models) < 2 {
		return
	}
	rows := []string{"model\tarrived\tin time\tlate\tdropped\trefused\tp50\tp99"}
	for _, m := range o.Models {
		rows = append(rows, fmt.Sprintf("%s\t%d\t%.2f %%\t%d\t%d\t%d\t%s\t%s", m.Name, m.Arrived, 100*m.Attainment, m.Late, m.Dropped, m.Refused,
			quantile(m.Latency.P50), quantile(m.Latency.P99)))
	}
	p.table(rows)
}

// batches prints the batch sizes in classes that double.
func (p *printer) batches(o *plan.Outcome) {
	rows := []string{"batch of\tbatches\tpart"}
	for _, c := range classes(o) {
		rows = append(rows, fmt.Sprintf("%s\t%d\t%.1f %%", c.name, c.batches, 100*c.part))
	}
	p.table(rows)
}

type class struct {
	name    string
	batches int
	part    float64
}

// classes are the batch sizes 1, 2, 3-4, 5-8, ...
func classes(o *plan.Outcome) (all []class) {
	total := 0
	for _, b := range o.Batches {
		total += b.Batches
	}
	for low, high, i := 1, 1, 0; i < len(o.Batches); low, high = high+1, 2*high {
		c := class{name: fmt.Sprint(low)}
		if high > low {
			c.name = fmt.Sprintf("%d-%d", low, high)
		}
		for ; i < len(o.Batches) && o.Batches[i].Rows <= high; i++ {
			c.batches += o.Batches[i].Batches
		}
		c.part = float64(c.batches) / float64(total)
		all = append(all, c)
	}
	return all
}

func (p *printer) search(s *plan.Search) {
	if s == nil {
		return
	}
	rows := []string{s.Kind + "\tseed\tin time\tgoodput\tobjectives"}
	for _, probe := range s.Probes {
		text := "hold"
		if !probe.Held {
			text = "do not hold"
		}
		rows = append(rows, fmt.Sprintf("%d\t%d\t%.2f %%\t%.0f/s\t%s", probe.Count, probe.Seed, 100*probe.Attainment, probe.Goodput, text))
	}
	p.line("search for the smallest number of %s, up to %d", s.Kind, s.Most)
	p.table(rows)
}

func (p *printer) sweep(s *plan.Sweep) {
	rows := []string{"load\toffered\tgoodput\tin time\tp50\tp99"}
	for _, at := range s.Points {
		rows = append(rows, fmt.Sprintf("%gx\t%.0f/s\t%.0f/s\t%.2f %%\t%s\t%s", at.Factor, at.Offered, at.Goodput, 100*at.Attainment,
			quantile(at.Latency.P50), quantile(at.Latency.P99)))
	}
	p.line("%s over the load", plan.Fleet(s.Fleet))
	p.table(rows)
}
