package chart

import (
	"fmt"
	"html"
	"html/template"
	"math"
)

// Limits shows intervals against what each of them may be: one row for each name, with a line at 1, the limit. What lies farther out than the axis ends there with an arrow.
type Limits struct {
	Title string
	Label string
	Rows  []LimitRow
	// Margins draws the line at -1.
	Margins bool
}

// LimitRow is an interval in parts of its limit.
type LimitRow struct {
	Name string
	// Mid, Lo and Hi may be infinite.
	Mid, Lo, Hi float64
	// Colour is from 1 to Colours.
	Colour int
	Hint   string
}

// farthest is where the axis ends, in limits.
const farthest = 3

// SVG draws the plot.
func (l Limits) SVG() template.HTML {
	axis := Axis{Label: l.Label, Min: 0, Max: 1.25}
	names := make([]string, len(l.Rows))
	for i, r := range l.Rows {
		names[i] = r.Name
		for _, v := range []float64{r.Lo, r.Mid, r.Hi} {
			if !math.IsNaN(v) {
				axis.Min, axis.Max = max(min(axis.Min, v), -farthest), min(max(axis.Max, v), farthest)
			}
		}
	}
	const rowHeight = 30
	c := newAcross(names, len(l.Rows), rowHeight)
	d := newDrawingOf(l.Title, c.height)
	c.axis(d, &axis, axis.ticks())
	for _, line := range []float64{-1, 1} {
		if line > axis.Min && line < axis.Max && (line > 0 || l.Margins) {
			at := c.x(axis.place(line))
			fmt.Fprintf(d, `<line class="one" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, at, at, acrossTop, c.height-acrossBottom)
		}
	}
	for i, r := range l.Rows {
		at := float64(acrossTop+i*rowHeight) + rowHeight/2
		c.name(d, at, r.Name)
		if math.IsNaN(r.Lo) || math.IsNaN(r.Hi) || r.Lo > r.Hi {
			continue
		}
		colour := class(r.Colour, i)
		low, high := c.x(axis.place(r.Lo)), c.x(axis.place(r.Hi))
		fmt.Fprintf(d, `<path class="interval %s" d="M%.1f %.1fH%.1f%s%s"><title>%s</title></path>`, colour, low, at, high,
			end(low, at, -1, r.Lo < axis.Min), end(high, at, 1, r.Hi > axis.Max), html.EscapeString(r.Hint))
		if finite(r.Mid) {
			d.dot(c.x(axis.place(r.Mid)), at, Series{Dots: true, Mark: Disc}, colour, r.Hint)
		}
	}
	return d.end("")
}

// end is the end of an interval: a bar, or an arrow where it goes on.
func end(x, y float64, direction float64, beyond bool) string {
	if beyond {
		return fmt.Sprintf("M%.1f %.1fL%.1f %.1fL%.1f %.1f", x-6*direction, y-5, x, y, x-6*direction, y+5)
	}
	return fmt.Sprintf("M%.1f %.1fv8", x, y-4)
}
