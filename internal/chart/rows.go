package chart

import (
	"fmt"
	"html"
	"html/template"
)

// Rows is a chart of horizontal bars: one row for each name, in it one bar for each stack, side
// by side. It is for names that are too long to stand under a bar, and for values that do
// not add up.
type Rows struct {
	Title string
	// X is the axis of the values.
	X      Axis
	Names  []string
	Stacks []Stack
}

// across places what has names on its left.
type across struct {
	left   float64 // where the values begin
	height int
}

const (
	acrossTop, acrossBottom = 8, 46
	letter                  = 10.2 // width of a letter on a narrow page, where they are largest
)

func newAcross(names []string, rows, rowHeight int) across {
	longest := 0
	for _, n := range names {
		longest = max(longest, len([]rune(n)))
	}
	return across{min(max(16+letter*float64(longest), 64), width/2), acrossTop + rows*rowHeight + acrossBottom}
}

func (c across) x(place float64) float64 { return c.left + place*(width-2*right-c.left) }

// axis draws the grid, its numbers and the label under it.
func (c across) axis(d *drawing, a *Axis, ticks []float64) {
	foot := c.height - acrossBottom
	for _, v := range ticks {
		at := c.x(a.place(v))
		fmt.Fprintf(d, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, at, at, acrossTop, foot)
		d.under("tick", at, foot+18, a.format(v))
	}
	fmt.Fprintf(d, `<path class="axis" d="M%.1f %d V%d H%d"/>`, c.left, acrossTop, foot, width-2*right)
	fmt.Fprintf(d, `<text class="label" x="%.1f" y="%d" text-anchor="middle">%s</text>`, c.x(0.5), c.height-6, html.EscapeString(a.Label))
}

func (c across) name(d *drawing, y float64, name string) {
	fmt.Fprintf(d, `<text class="name" x="%.1f" y="%.1f" text-anchor="end">%s</text>`, c.left-8, y+5, html.EscapeString(name))
}

// SVG draws the chart with its legend.
func (r Rows) SVG() template.HTML {
	var all []float64
	for _, s := range r.Stacks {
		all = append(all, s.Values...)
	}
	r.X.fit(all)
	const thick, gap = 12, 10
	rowHeight := thick*len(r.Stacks) + gap
	c := newAcross(r.Names, len(r.Names), rowHeight)
	d := newDrawingOf(r.Title, c.height)
	c.axis(d, &r.X, r.X.ticks())
	for i, name := range r.Names {
		from := float64(acrossTop + i*rowHeight + gap/2)
		c.name(d, from+float64(thick*len(r.Stacks))/2, name)
		for k, s := range r.Stacks {
			v := drawn(s.Values[i])
			fmt.Fprintf(d, `<rect class="bar %s" x="%.1f" y="%.1f" width="%.1f" height="%d"><title>%s</title></rect>`, class(s.Colour, k),
				c.left, from+float64(k*thick), c.x(r.X.place(v))-c.left, thick-1, html.EscapeString(fmt.Sprintf("%s, %s: %s", name, s.Name, r.X.format(v))))
		}
	}
	return d.end(legendOf(r.Stacks))
}
