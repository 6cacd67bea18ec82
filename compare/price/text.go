package price

import (
	"fmt"
	"io"
	"strings"

	"sluice/internal/wrap"
)

const (
	width     = 80 // columns of a terminal
	longest   = 14 // characters of a device's name in a table
	mostLines = 8  // spans that are printed
)

// Text writes a report for a terminal of 80 columns: the verdict first.
func Text(w io.Writer, r *Report) error {
	p := &printer{report: r}
	for _, line := range wrap.Lines(r.Verdict.Text, width) {
		p.line("%s", line)
	}
	p.devices()
	p.spans()
	p.changes()
	p.sensitivity()
	_, err := io.WriteString(w, p.String())
	return err
}

type printer struct {
	strings.Builder
	report *Report
}

// line writes one, without the spaces at its end.
func (p *printer) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// row writes a figure of both devices.
func (p *printer) row(what string, value func(Figures) string, about string) {
	p.line("%-20s %15s %15s  %s", what, value(p.report.Devices[0]), value(p.report.Devices[1]), about)
}

// money writes an amount of both devices, with the same decimals.
func (p *printer) money(what string, amount func(Figures) float64, about string) {
	n := decimals(amount(p.report.Devices[0]), amount(p.report.Devices[1]))
	p.row(what, func(f Figures) string {
		switch x := amount(f); {
		case x == 0:
			return "-"
		case x >= 1e9:
			return number(x)
		default:
			return fmt.Sprintf("%.*f", n, x)
		}
	}, about)
}

func (p *printer) devices() {
	r := p.report
	p.line("")
	p.row("", func(f Figures) string { return short(f.Name) }, "")
	p.row("rows/s of a replica", func(f Figures) string { return or(f.RowsPerSecond) }, "at the objective")
	p.row("planned rows/s", func(f Figures) string { return or(f.RowsPerSecond * r.Headroom) }, fmt.Sprintf("headroom %s", number(r.Headroom)))
	p.row("replicas", replicaText, fmt.Sprintf("at least %d", r.Replicas))
	p.row("idle and billed", func(f Figures) string {
		if f.ReplicasMost == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f %%", 100*f.Idle)
	}, "")
	p.row("device-seconds", func(f Figures) string { return or(f.DeviceSeconds) }, "per million rows")
	p.row("price of an hour", func(f Figures) string { return or(f.PricePerHour) }, r.Currency)
	if r.Currency != "" {
		p.money("per million rows", func(f Figures) float64 { return f.PerMillion }, r.Currency)
		p.money("  never idle", func(f Figures) float64 { return f.FullLoad }, r.Currency)
		p.money("a day", func(f Figures) float64 { return f.Day }, r.Currency)
	}
}

func replicaText(f Figures) string {
	switch {
	case f.ReplicasMost == 0:
		return "-"
	case f.Fixed:
		return fmt.Sprintf("%d, fixed", f.ReplicasMost)
	case f.ReplicasLeast == f.ReplicasMost:
		return fmt.Sprint(f.ReplicasMost)
	default:
		return fmt.Sprintf("%d to %d", f.ReplicasLeast, f.ReplicasMost)
	}
}

func (p *printer) spans() {
	r := p.report
	if len(r.Spans) == 0 {
		return
	}
	p.line("")
	p.line("%-20s %-40s %s", "Cheaper", "at rows/s", "hours a day")
	for i, s := range r.Spans {
		if i == mostLines {
			p.line("and %d more", len(r.Spans)-mostLines)
			break
		}
		rates := "above " + number(s.Above)
		switch {
		case s.UpTo == 0 && s.Above == 0:
			rates = "all"
		case s.UpTo > 0 && s.Above == 0:
			rates = "up to " + number(s.UpTo)
		case s.UpTo > 0:
			rates += " up to " + number(s.UpTo)
		}
		name := short(s.Cheaper)
		if name == "" {
			name = "the same"
		}
		p.line("%-20s %-40s %11d", name, rates, s.Hours)
	}
	if !r.AllFound {
		p.line("Break-even points above %s rows/s were not looked for.", number(r.Spans[len(r.Spans)-1].UpTo))
	}
	if r.Smooth > 0 {
		p.line("Without steps they would break even at %s rows/s.", number(r.Smooth))
	}
}

func (p *printer) changes() {
	r := p.report
	p.line("")
	switch {
	case r.Verdict.Kind == Only || r.Verdict.Kind == Neither:
		p.line("What would change it: an objective that more devices meet.")
		return
	case r.Verdict.Kind == Unpriced:
		p.line("What would change it: the prices of both devices decide.")
		return
	case r.Verdict.Kind == Same:
		p.line("What would change it: any change of a price.")
		return
	}
	p.line("What would change it, the smallest change first")
	for _, c := range r.Changes {
		unit, from := "rows/s", "load"
		switch c.What {
		case "price":
			unit, from = r.Currency+"/h", "price of "+short(c.Device)
		case "throughput":
			from = "throughput of " + short(c.Device)
		}
		p.line("%-29s %10s %2s %-10s %-7s %s", from, number(c.From), c.Is, number(c.To), unit, percent(c.Percent))
	}
}

// percent keeps a sign, and a digit of what is small. What is large is a factor.
func percent(x float64) string {
	switch {
	case x >= 1000:
		return fmt.Sprintf("%.3g times", 1+x/100)
	case x > -10 && x < 10:
		return fmt.Sprintf("%+.1f %%", x)
	default:
		return fmt.Sprintf("%+.0f %%", x)
	}
}

func (p *printer) sensitivity() {
	r := p.report
	if len(r.Sensitivity) == 0 {
		return
	}
	p.line("")
	names := [2]string{short(r.Devices[0].Name), short(r.Devices[1].Name)}
	if r.Verdict.Kind == Unpriced {
		p.line("%-30s %15s %15s", "Device-seconds per million", names[0], names[1])
		for _, c := range r.Sensitivity {
			p.line("%-30s %15s %15s", c.Change, number(c.DeviceSeconds[0]), number(c.DeviceSeconds[1]))
		}
		return
	}
	p.line("%-30s %14s %14s  %s", r.Currency+" per million rows", names[0], names[1], "break-even, rows/s")
	for _, c := range r.Sensitivity {
		n := decimals(c.PerMillion[0], c.PerMillion[1])
		cell := func(i int) string {
			text := number(c.PerMillion[i])
			if c.PerMillion[i] < 1e9 {
				text = fmt.Sprintf("%.*f", n, c.PerMillion[i])
			}
			if c.Cheaper == r.Devices[i].Name {
				text = "* " + text
			}
			return text
		}
		p.line("%-30s %14s %14s  %s", c.short(r), cell(0), cell(1), points(c.BreakEven))
	}
	p.line("* is the cheaper one.")
}

// short is a case's name with that of its device cut.
func (c Case) short(r *Report) string {
	name := c.Change
	for _, d := range r.Devices {
		name = strings.Replace(name, "price of "+d.Name+" ", "price of "+short(d.Name)+" ", 1)
	}
	return name
}

// points are the first break-even point and how many more there are.
func points(at []float64) string {
	switch len(at) {
	case 0:
		return "none"
	case 1:
		return number(at[0])
	default:
		return fmt.Sprintf("%s (+%d)", number(at[0]), len(at)-1)
	}
}

// or is a dash for what there is not.
func or(x float64) string {
	if x == 0 {
		return "-"
	}
	return number(x)
}

// short cuts a name in its middle: devices differ at its ends.
func short(name string) string {
	r := []rune(name)
	if len(r) <= longest {
		return name
	}
	return string(r[:longest/2]) + "~" + string(r[len(r)-longest/2+1:])
}
