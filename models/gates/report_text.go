package gates

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/cost"
	"sluice/internal/units"
	"sluice/internal/wrap"
	"sluice/models/bundle"
)

// Notes says in sentences what whoever serves the version should know, though nothing is wrong.
func (r *Report) Notes() (notes []string) {
	for i := range r.Gates {
		if v := &r.Gates[i]; v.Outcome == Changed {
			notes = append(notes, v.Text)
		}
	}
	if b := &r.Batching; b.Mode == bundle.Batched && b.Basis == bundle.Unshown && b.Watched {
		notes = append(notes, "nothing shows that its rows keep apart, so live answers are compared")
	}
	if len(r.Traps) > 0 && !r.Isolated {
		notes = append(notes, "some values of a request end the server: "+strings.Join(r.Traps, ", ")+"; isolation: process in model.yaml keeps it away from the server")
	}
	if r.Slower != "" {
		notes = append(notes, "the preferred device is slower than the CPU: "+r.Slower)
	}
	if r.BudgetShort != "" {
		notes = append(notes, "the budget is too short: "+r.BudgetShort)
	}
	return notes
}

// Result is the report in a sentence: served, served with a note, served and not as asked, not
// loaded though it passes, or refused, and why.
func (r *Report) Result() string {
	if v := r.Refusal(); v != nil {
		return "REFUSED by " + v.Gate + ": " + strings.ReplaceAll(v.Text, "\n", "; ")
	}
	if r.NotLoaded != "" {
		return "passes, NOT LOADED: " + r.NotLoaded
	}
	if faults := r.Faults(); len(faults) > 0 {
		return "served, NOT AS ASKED: " + strings.Join(faults, "; ")
	}
	switch notes := r.Notes(); len(notes) {
	case 0:
		return "served"
	case 1:
		return "served, with a note: " + notes[0]
	default:
		return fmt.Sprintf("served, with %d notes: %s", len(notes), strings.Join(notes, "; "))
	}
}

// label is name and version.
func (r *Report) label() string { return r.Name + "/" + r.Version }

// WriteResults prints a line for each report.
func WriteResults(w io.Writer, reports []*Report, width int) error {
	p := page{width: width}
	for _, r := range reports {
		p.indent = max(p.indent, len(r.label())+2)
	}
	for _, r := range reports {
		p.item(0, r.label(), r.Result())
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// WriteText prints the report for people, in lines of a width.
func (r *Report) WriteText(w io.Writer, width int) error {
	p := page{width: width, indent: 13}
	state, _, _ := strings.Cut(r.Result(), ":")
	fmt.Fprintf(&p, "%s: %s (%s)\n", r.label(), state, units.Round(r.Took))
	r.writeTensors(&p, "inputs", r.Inputs)
	r.writeTensors(&p, "outputs", r.Outputs)
	r.writeBudget(&p)
	if r.Batching.Mode != "" {
		text := r.Batching.String()
		if r.MaxBatch > 0 {
			text += fmt.Sprintf("; up to %s a run, %d a request", units.Count(r.MaxBatch, "row"), r.MaxRows)
		}
		p.item(2, "batching", text)
		p.item(2, "kind", string(r.Batching.Basis))
	}
	if text := r.lengthsText(); text != "" {
		p.item(2, "lengths", text)
	}
	if t := r.Tolerance; t != nil {
		p.item(2, "tolerance", fmt.Sprintf("%g + %g of the expected value", t.Abs, t.Rel))
	}
	if r.Digest != "" {
		p.item(2, "digest", r.Digest)
	}
	if r.Isolated && len(r.Traps) > 0 {
		p.item(2, "isolation", "process: "+strings.Join(r.Traps, ", ")+" can end the process that runs it")
	}
	r.writeDevices(&p)
	p.WriteString("  load gates\n")
	p.gates(4, r.Gates)
	_, err := io.WriteString(w, p.String())
	return err
}

// writeTensors prints inputs or outputs, one a line, in columns.
func (r *Report) writeTensors(p *page, title string, all []TensorReport) {
	const most = 16
	names, types := 0, 0
	for i := range all[:min(len(all), most)] {
		names, types = max(names, len(all[i].Name)), max(types, len(all[i].Datatype))
	}
	for i := range all {
		if i == most {
			p.item(2, title, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		t := &all[i]
		text := fmt.Sprintf("%-*s  %-*s  %s", names, t.Name, types, t.Datatype, r.shape(t))
		if t.Optional {
			text += ", optional"
		}
		p.line(2, title, text)
		title = ""
	}
}

// shape says rows for axis 0 of a batch and any for what is free.
func (r *Report) shape(t *TensorReport) string {
	axes := make([]string, len(t.Shape))
	for i, d := range t.Shape {
		switch {
		case i == 0 && t.Once:
			axes[i] = "once"
		case i == 0 && r.MaxBatch > 0 && !t.Optional:
			axes[i] = "rows"
		case d < 0:
			axes[i] = "any"
		default:
			axes[i] = strconv.FormatInt(d, 10)
		}
	}
	return "[" + strings.Join(axes, ", ") + "]"
}

// writeDevices prints each device with what it costs there. The gates of the first that serves
// are the report's own.
func (r *Report) writeDevices(p *page) {
	role := "preferred"
	for i := range r.Devices {
		d := &r.Devices[i]
		switch d.State {
		case Down:
			p.paragraph(2, d.Device+": down, "+d.Reason)
			continue
		case LeftOut:
			if len(r.Devices) == 1 {
				continue // the report's own gates have said it
			}
			p.paragraph(2, d.Device+": LEFT OUT, "+d.Reason)
		default:
			if len(r.Devices) > 1 {
				p.paragraph(2, d.Device+": "+role)
			} else {
				p.paragraph(2, d.Device)
			}
			d.writeCosts(p)
		}
		writeCurve(&p.Builder, d.Curve, d.Target)
		if d.State == LeftOut || role == "fallback" {
			p.WriteString("    load gates there\n")
			p.gates(4, d.Gates)
		}
		if d.State == Placed {
			role = "fallback"
		}
	}
}

// writeCosts says what a session takes of the machine, and what runs its nodes.
func (d *DeviceReport) writeCosts(p *page) {
	q := page{width: p.width, indent: p.indent + 2}
	if d.Memory > 0 {
		text := "about " + units.Bytes(d.Memory)
		if d.Device != cpu {
			text += " of the machine's"
		}
		if d.DeviceMemory > 0 {
			text += ", " + units.Bytes(d.DeviceMemory) + " of the device's"
		}
		q.item(4, "memory", text+", for "+units.Count(d.Lanes, "lane")+" with full batches")
	}
	var nodes []string
	for i := range d.Nodes {
		n := &d.Nodes[i]
		text := fmt.Sprintf("%d on %s", n.Count, strings.TrimSuffix(n.Provider, "ExecutionProvider"))
		switch {
		case len(d.Nodes) == 1 && (d.Device == cpu || !strings.HasPrefix(n.Provider, "CPU")):
			text = fmt.Sprintf("%d, all on %s", n.Count, strings.TrimSuffix(n.Provider, "ExecutionProvider"))
		case i > 0 || len(d.Nodes) == 1: // a GPU's own are not told of each provider
			text += " (" + n.operators() + ")"
		}
		nodes = append(nodes, text)
	}
	if len(nodes) > 0 {
		q.item(4, "nodes", strings.Join(nodes, ", "))
	}
	p.WriteString(q.String())
}

// operators lists the most frequent kinds of nodes.
func (n *NodesReport) operators() string {
	const most = 6
	names := slices.Sorted(maps.Keys(n.Operators))
	slices.SortStableFunc(names, func(a, b string) int { return n.Operators[b] - n.Operators[a] })
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d other kinds", more))
	}
	return strings.Join(names, ", ")
}

// writeCurve prints a cost table with the target marked.
func writeCurve(b *strings.Builder, curve cost.Curve, target int) {
	if len(curve) == 0 {
		return
	}
	measured := false
	fmt.Fprintf(b, "%10s %10s %10s %10s %14s\n", "batch", "p50", "p95", "rows/s", "per 1000 rows")
	for _, p := range curve {
		fmt.Fprintf(b, "%10d %10s %10s %10.0f %14s", p.Rows, units.Round(p.P50), units.Round(p.P95), curve.RowsPerSecond(p.Rows), units.Round(curve.PerThousand(p.Rows)))
		if p.Rows == target {
			measured = true
			b.WriteString("  <- target")
		}
		b.WriteByte('\n')
	}
	if target > 0 && !measured {
		fmt.Fprintf(b, "    target: batches of %d, between two measured sizes\n", target)
	}
}

// page is text in lines of a width, with titles before it.
type page struct {
	strings.Builder
	width  int
	indent int // where the text beside a title begins
}

// item prints a title and beside it a text, which is broken into lines.
func (p *page) item(left int, title, text string) {
	for _, line := range wrap.Lines(text, p.width-p.indent) {
		p.line(left, title, line)
		title = ""
	}
}

func (p *page) line(left int, title, text string) {
	fmt.Fprintf(p, "%*s%-*s%s\n", left, "", p.indent-left, title, text)
}

// paragraph prints a text that hangs two columns to the right from its second line on.
func (p *page) paragraph(left int, text string) {
	for i, line := range wrap.Lines(text, p.width-left-2) {
		if i == 1 {
			left += 2
		}
		fmt.Fprintf(p, "%*s%s\n", left, "", line)
	}
}

func (p *page) gates(left int, gates []Verdict) {
	q := page{width: p.width, indent: left + 20}
	for _, v := range gates {
		q.item(left, fmt.Sprintf("%-11s%s", v.Gate, v.Outcome), v.Text)
		if v.Detail != "" {
			q.item(left, "", v.Detail)
		}
	}
	p.WriteString(q.String())
}
