package review

import (
	"fmt"
	"io"
	"strings"

	"sluice/internal/units"
	"sluice/internal/wrap"
)

// page is text in lines of a width, with a title before each item; no width means no bound.
type page struct {
	strings.Builder
	width int
}

// titles is how wide the titles are.
const titles = 16

func (p *page) item(title, format string, args ...any) {
	width := p.width - titles
	if p.width == 0 {
		width = 1 << 16
	}
	for _, line := range wrap.Lines(fmt.Sprintf(format, args...), width) {
		fmt.Fprintf(p, "%-*s%s\n", titles, title, line)
		title = ""
	}
}

// WriteText prints the difference for people, in lines of a width; 0 for no bound. What does not differ is left out, but for
// the schema, the golden rows and the devices.
func (d *Diff) WriteText(w io.Writer, width int) error {
	p := page{width: width}
	fmt.Fprintf(&p, "%s: version %s -> %s\n", d.Model, d.From.Version, d.To.Version)
	p.item("  digest", "%s -> %s", short(d.From.Digest), short(d.To.Digest))
	p.item("  state", "%s -> %s", d.From.words(), d.To.words())
	p.item("  size", "%s -> %s", units.Bytes(d.From.Bytes), units.Bytes(d.To.Bytes))
	for i := range d.Files {
		p.item(once(i, "  files"), "%s", d.Files[i].words())
	}
	p.item("  client schema", "%s", d.Schema.Client)
	if d.Schema.From != d.Schema.To {
		p.item("", "from %s", d.Schema.From)
		p.item("", "to   %s", d.Schema.To)
	}
	if d.Batching != nil {
		p.item("  batching", "%s -> %s", d.Batching.From, d.Batching.To)
	}
	p.changes("  limits", d.Limits)
	p.changes("  graph", d.Graph)
	for i, c := range d.Operators {
		p.item(once(i, "  operators"), "%s: %d -> %d", c.Name, c.From, c.To)
	}
	for i := range d.Settings {
		p.item(once(i, "  settings"), "%s", d.Settings[i].words())
	}
	for i := range d.Devices {
		d.Devices[i].write(&p)
	}
	for i, g := range d.Gates {
		p.item(once(i, "  gates"), "%s: %s -> %s", g.Gate, g.From.words(), g.To.words())
	}
	p.item("  golden rows", "%s -> %s", d.Golden.From.words(), d.Golden.To.words())
	for i := range d.Golden.Answers {
		p.item(once(i, "  answers"), "%s", d.Golden.Answers[i].words())
	}
	for i, text := range d.LeftOut {
		p.item(once(i, "  left out"), "%s", text)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *page) changes(title string, all []Change) {
	for i, c := range all {
		p.item(once(i, title), "%s: %s -> %s", c.Name, orNone(c.From), orNone(c.To))
	}
}

// once is the title of the first item of a list.
func once(i int, title string) string {
	if i > 0 {
		return ""
	}
	return title
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// short is as much of a digest as tells versions apart.
func short(digest string) string { return orNone(digest[:min(len(digest), 12)]) }

func (s *Side) words() string {
	text := s.State
	if s.Role != "" {
		text += ", " + s.Role
	}
	if s.Reason != "" {
		text += " (" + s.Reason + ")"
	}
	return text
}

func (c *FileChange) words() string {
	switch {
	case c.From == nil:
		return fmt.Sprintf("%s is new, %s", c.Name, units.Bytes(c.To.Bytes))
	case c.To == nil:
		return c.Name + " is gone"
	}
	return fmt.Sprintf("%s changed, %s -> %s", c.Name, units.Bytes(c.From.Bytes), units.Bytes(c.To.Bytes))
}

func (s *Setting) words() string {
	text := fmt.Sprintf("%s: %s (%s) -> %s (%s)", s.Key, orNone(s.From.Value), s.From.Origin, orNone(s.To.Value), s.To.Origin)
	if s.FallsBack {
		text += ", FALLS BACK"
	}
	return text
}

func (o *Device) write(p *page) {
	p.item("  "+o.Device, "%s -> %s", o.From.words(), o.To.words())
	for _, c := range o.Costs {
		p.item("", "%s: %.4g us -> %.4g us, %.3g times", units.Count(c.Rows, "row"), c.From, c.To, c.Ratio)
	}
}

func (s *DeviceSide) words() string {
	if s == nil {
		return "not used"
	}
	text := s.State
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if s.MemoryBytes > 0 {
		text += ", " + units.Bytes(s.MemoryBytes)
	}
	if s.DeviceMemoryBytes > 0 {
		text += ", " + units.Bytes(s.DeviceMemoryBytes) + " of the device's"
	}
	return text
}

func (v *Verdict) words() string {
	if v == nil {
		return "did not run"
	}
	return v.Outcome + ", " + v.Text
}

func (r *Rows) words() string {
	if r == nil {
		return "none"
	}
	return fmt.Sprintf("%d in %s", r.Rows, units.Count(r.Requests, "request"))
}

func (a *Answers) words() string {
	text := fmt.Sprintf("those of %s on %s: ", a.Of, a.On)
	if a.Rows > 0 {
		text += fmt.Sprintf("%d of %s differ", a.Differ, units.Count(a.Rows, "row"))
		if a.Failed > 0 {
			text += fmt.Sprintf(", %d got no answer (%s)", a.Failed, a.Failure)
		}
		if a.Largest != nil {
			text += fmt.Sprintf("; largest difference in output %s, line %d, row %d: %s", a.Largest.Output, a.Largest.Line, a.Largest.Row, a.Largest.Text)
		}
	}
	switch {
	case a.LeftOut == "":
		return text
	case a.Rows > 0:
		return text + "; " + a.LeftOut
	}
	return text + "left out, " + a.LeftOut
}

// Line is what became of a version's files in a line, its columns parted by tabs.
func (f *Files) Line() string {
	return strings.Join([]string{f.Model + " " + f.Version, f.word(), f.about()}, "\t")
}

func (f *Files) word() string {
	if f.Outcome == Changed {
		return "CHANGED"
	}
	return string(f.Outcome)
}

func (f *Files) about() string {
	switch f.Outcome {
	case Unchanged:
		text := short(f.Proven)
		if !f.Golden {
			text += ", no golden rows"
		}
		if !f.Pinned {
			text += ", not pinned"
		}
		return text
	case Changed:
		what := "proven"
		if f.Served {
			what = "served"
		}
		on := short(f.OnDisk)
		if f.OnDisk == "" {
			on = "unknown"
		}
		return fmt.Sprintf("on disk %s, %s %s: %s", on, what, short(f.Proven), strings.Join(f.Differences, "; "))
	}
	return strings.Join(f.Differences, "; ")
}
