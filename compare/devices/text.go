package devices

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/compare/price"
	"sluice/internal/cost"
	"sluice/internal/units"
	"sluice/internal/wrap"
)

const width = 80 // columns of a terminal

// Text writes a report for a terminal of 80 columns: the verdict first, then what it follows from, then what rows cost.
func Text(w io.Writer, r *Report) error {
	p := &printer{}
	p.paragraph(0, r.Verdict.Text)
	for _, why := range r.Verdict.Why {
		p.paragraph(2, why)
	}
	p.equivalence(&r.Equivalence, r.Devices)
	if r.Verdict.Kind != Missing {
		p.batches(r.Devices)
		p.load(r)
		p.energy(r.Devices)
	}
	if r.Price != nil {
		p.costs(r)
		p.line("")
		p.line("WHAT A MILLION ROWS COST")
		if r.Assumed {
			p.paragraph(0, "Nobody named the load: this is what one replica of the slower device is planned for.")
		}
		var text strings.Builder
		if err := price.Text(&text, r.Price); err != nil {
			return err
		}
		p.WriteString(r.rest(text.String()))
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// rest is the text of what rows cost without its verdict, where that is said above.
func (r *Report) rest(text string) string {
	if _, rest, found := strings.Cut(text, "\n\n"); found && r.Verdict.Text == r.Price.Verdict.Text {
		return rest
	}
	return text
}

type printer struct{ strings.Builder }

// line writes one, without the spaces at its end.
func (p *printer) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

func (p *printer) paragraph(left int, text string) {
	for _, line := range wrap.Lines(text, width-left) {
		p.line("%*s%s", left, "", line)
	}
}

func (p *printer) equivalence(e *Equivalence, devices [2]Device) {
	p.line("")
	verdict := "DIFFER"
	switch {
	case e.Rows == 0:
		verdict = "NOT COMPARED"
	case e.Agrees:
		verdict = "agree"
	}
	p.line("ANSWERS %s", verdict)
	for _, d := range devices {
		if len(d.Precision) > 0 {
			p.paragraph(2, fmt.Sprintf("%s computes with less precision: %s", d.Name, strings.Join(d.Precision, ", ")))
		}
	}
	if e.Rows == 0 {
		return
	}
	var sources []string
	for name, n := range e.Sources {
		sources = append(sources, fmt.Sprintf("%d %s", n, name))
	}
	slices.Sort(sources)
	p.paragraph(2, fmt.Sprintf("%s (%s), each alone; tolerance %g + %g of the value", units.Count(e.Rows, "row"), strings.Join(sources, ", "), e.Tolerance.Abs, e.Tolerance.Rel))
	if e.Failed > 0 {
		p.paragraph(2, e.apart())
	}
	if e.Worst != "" {
		p.paragraph(2, e.Worst)
	}
	for _, o := range e.Outputs {
		text := fmt.Sprintf("%s (%s): %s %% of rows differ", o.Name, o.Kind, number(100*o.Figures["differs"]))
		for _, f := range []string{"max_abs", "max_relative", "max_ulp", "cosine_distance", "top1_change"} {
			if x, there := o.Figures[f]; there {
				text += fmt.Sprintf(", %s %s", f, strconv.FormatFloat(x, 'g', 3, 64))
			}
		}
		p.paragraph(2, text)
	}
}

// batches writes what each batch size takes, cold and warm.
func (p *printer) batches(devices [2]Device) {
	a, b := devices[0], devices[1]
	if len(a.Warm) == 0 && len(b.Warm) == 0 {
		return
	}
	p.line("")
	p.line("A BATCH TAKES %*s %*s", 32, short(a.Name), 32, short(b.Name))
	p.line("%13s %10s %10s %10s %12s %10s %9s", "rows", "cold", "warm", "ms/1000", "cold", "warm", "ms/1000")
	for _, rows := range shown(slices.Concat(a.Warm, b.Warm)) {
		text := fmt.Sprintf("%13d", rows)
		for i, d := range devices {
			text += fmt.Sprintf(" %*s %10s %*s", 10+2*i, at(d.Cold, rows), at(d.Warm, rows), 10-i, thousand(d.Warm, rows))
		}
		p.line("%s", text)
	}
	p.line("%-13s %10s %33s", "session open", opened(a.Opened), opened(b.Opened))
	for _, d := range devices {
		if len(d.Nodes) > 0 {
			p.paragraph(0, fmt.Sprintf("nodes on %s: %s", d.Name, d.placed()))
		}
	}
}

// placed lists the providers that run the nodes.
func (d *Device) placed() string {
	var all []string
	for _, n := range d.Nodes {
		all = append(all, fmt.Sprintf("%d %s", n.Count, strings.TrimSuffix(n.Provider, "ExecutionProvider")))
	}
	return strings.Join(all, ", ")
}

// shown are the sizes of a table that are printed: powers of two, and the largest.
func shown(c cost.Curve) (sizes []int) {
	most := 0
	for _, p := range c {
		most = max(most, p.Rows)
	}
	for _, p := range c {
		if p.Rows&(p.Rows-1) == 0 || p.Rows == most {
			sizes = append(sizes, p.Rows)
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// at is what a table has for a size, a dash if nothing.
func at(c cost.Curve, rows int) string {
	for _, p := range c {
		if p.Rows == rows {
			return wait(p.P50)
		}
	}
	return "-"
}

func thousand(c cost.Curve, rows int) string {
	for _, p := range c {
		if p.Rows == rows {
			return number(float64(c.PerThousand(rows)) / float64(time.Millisecond))
		}
	}
	return "-"
}

func opened(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return wait(d)
}

func (p *printer) load(r *Report) {
	p.line("")
	p.line("UNDER LOAD%s, %s a request", strings.Replace(r.at(), " at ", " ", 1), units.Count(r.RowsPerRequest, "row"))
	for _, d := range r.Devices {
		text := fmt.Sprintf("%s: %s rows/s (%s", d.Name, number(d.Load.RowsPerSecond), d.Load.From)
		if d.Load.Unconfirmed {
			text += ", not confirmed"
		}
		if d.Load.Low > 0 && d.Load.High > d.Load.Low {
			text += fmt.Sprintf(", 95 %% from %s to %s", number(d.Load.Low), number(d.Load.High))
		}
		if d.Load.Limit != "" {
			text += ", limit: " + d.Load.Limit
		}
		p.paragraph(0, text+")")
		points := d.Load.Points
		if d.Load.Planned != nil {
			points = append([]Point{*d.Load.Planned}, points...)
		}
		for _, point := range points {
			p.line("%13s rows/s   p50 %12s   p99 %12s   %s", number(point.RowsPerSecond), milliseconds(point.P50), milliseconds(point.P99), point.Outcome)
		}
	}
}

// milliseconds is a dash for a quantile that too few requests tell of.
func milliseconds(x float64) string {
	if x == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f ms", x)
}

func (p *printer) energy(devices [2]Device) {
	p.line("")
	p.line("ENERGY")
	for _, d := range devices {
		if d.Energy == nil {
			p.paragraph(0, fmt.Sprintf("%s: not measured here: %s", d.Name, d.Unmeasured))
			continue
		}
		p.paragraph(0, fmt.Sprintf("%s: %s J per 1,000 rows, %s J beyond the %s W that it takes idle (%s rows in %.0f s)", d.Name,
			number(d.Energy.PerThousand), number(d.Energy.Marginal), number(d.Energy.IdleWatts), strconv.FormatInt(d.Energy.Rows, 10), d.Energy.Seconds))
	}
}

// costs writes what rows cost at several rates.
func (p *printer) costs(r *Report) {
	if r.Price.Verdict.Kind == price.Neither {
		return
	}
	a, b := r.Devices[0], r.Devices[1]
	unit := "device-seconds"
	cell := func(c Cost, i int) string {
		x := c.DeviceSeconds[i]
		if r.Price.Currency != "" {
			x = c.PerMillion[i]
		}
		if x == 0 {
			return "-"
		}
		return fmt.Sprintf("%s (%s)", number(x), units.Count(c.Replicas[i], "replica"))
	}
	if r.Price.Currency != "" {
		unit = r.Price.Currency
	}
	p.line("")
	p.line("AT ANY LOAD, %s per million rows", unit)
	p.line("%14s %30s %30s", "rows/s", short(a.Name), short(b.Name))
	for _, c := range r.Costs {
		p.line("%14s %30s %30s", number(c.RowsPerSecond), cell(c, 0), cell(c, 1))
	}
}

// number is a figure with four digits or more.
func number(x float64) string {
	if x >= 1000 && x < 1e9 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// longest is how many characters of a device's name a table has room for.
const longest = 20

// short cuts a name in its middle: devices differ at its ends.
func short(name string) string {
	r := []rune(name)
	if len(r) <= longest {
		return name
	}
	return string(r[:longest/2]) + "~" + string(r[len(r)-longest/2+1:])
}
