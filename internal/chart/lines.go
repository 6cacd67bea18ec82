package chart

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// Point is a value of a series. One whose Y is not a finite number is a gap in the line.
type Point struct {
	X, Y float64
	// Hint is shown where the pointer rests; "" means the numbers.
	Hint string
}

// Series is a line of a chart, or its dots.
type Series struct {
	Name   string
	Points []Point
	// Steps draws levels instead of slopes.
	Steps bool
	// Dashed is for references.
	Dashed bool
	// Dots marks each point; without it points can still be pointed at if there are few.
	Dots bool
	// Mark is the shape of the dots, so that they differ by more than their colour.
	Mark Mark
	// Apart draws the dots alone, without the line between them.
	Apart bool
	// Colour is from 1 to Colours; 0 is the next one by the order of the series.
	Colour int
}

// Mark is the shape of a dot.
type Mark uint8

const (
	// Disc is a filled circle.
	Disc Mark = iota
	// Ring is an empty one.
	Ring
	// Cross is what failed.
	Cross
)

// class is the class of the series' colour.
func class(colour, order int) string {
	if colour > 0 {
		order = colour - 1
	}
	return fmt.Sprintf("s%d", order%Colours)
}

// Lines is a line chart.
type Lines struct {
	// Title says what the chart shows, in a sentence for those who cannot see it.
	Title  string
	X, Y   Axis
	Series []Series
}

// Size of every chart in its own units; the page scales it.
const (
	width, height            = 640, 300
	left, right, top, bottom = 76, 12, 12, 46
)

// SVG draws the chart with its legend.
func (l Lines) SVG() template.HTML {
	var xs, ys []float64
	for _, s := range l.Series {
		for _, p := range s.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
		}
	}
	l.X.fit(xs)
	l.Y.fit(ys)
	d := newDrawing(l.Title)
	d.axes(&l.X, &l.Y)
	for i, s := range l.Series {
		d.series(&l.X, &l.Y, i, s)
	}
	return d.end(legend(l.Series))
}

type drawing struct{ strings.Builder }

func newDrawing(title string) *drawing { return newDrawingOf(title, height) }

func newDrawingOf(title string, height int) *drawing {
	d := &drawing{}
	fmt.Fprintf(d, `<svg class="chart" viewBox="0 0 %d %d" role="img"><title>%s</title>`, width, height, html.EscapeString(title))
	return d
}

// end closes the drawing, which is safe in a page: every text in it has been escaped.
func (d *drawing) end(legend string) template.HTML {
	return template.HTML(d.String() + "</svg>" + legend) //nolint:gosec // see above
}

func x(place float64) float64 { return left + place*(width-left-right) }
func y(place float64) float64 { return height - bottom - place*(height-top-bottom) }

// levels draws the grid across, with its numbers on the left.
func (d *drawing) levels(ay *Axis) {
	for _, v := range ay.ticks() {
		at := y(ay.place(v))
		fmt.Fprintf(d, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, width-right, at, at, left-6, at+4, html.EscapeString(ay.format(v)))
	}
}

func (d *drawing) axes(ax, ay *Axis) {
	d.levels(ay)
	for _, v := range ax.ticks() {
		at := x(ax.place(v))
		fmt.Fprintf(d, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, at, at, top, height-bottom)
		class := "tick"
		if ax.Tail && v == 0.5 {
			class = "tick second" // near to 0; a narrow page leaves it out
		}
		d.under(class, at, height-bottom+18, ax.format(v))
	}
	d.labels(ax, ay)
}

// under writes a number under an axis, inside of the frame.
func (d *drawing) under(class string, at float64, y int, text string) {
	anchor := "middle"
	if at+letter*float64(len(text))/2 > width {
		at, anchor = width-2, "end"
	}
	fmt.Fprintf(d, `<text class="%s" x="%.1f" y="%d" text-anchor="%s">%s</text>`, class, at, y, anchor, html.EscapeString(text))
}

func (d *drawing) labels(ax, ay *Axis) {
	fmt.Fprintf(d, `<path class="axis" d="M%d %d V%d H%d"/>`, left, top, height-bottom, width-right)
	fmt.Fprintf(d, `<text class="label" x="%d" y="%d" text-anchor="middle">%s</text>`, (left+width-right)/2, height-6, html.EscapeString(ax.Label))
	mid := (top + height - bottom) / 2
	fmt.Fprintf(d, `<text class="label" x="17" y="%d" text-anchor="middle" transform="rotate(-90 17 %d)">%s</text>`, mid, mid, html.EscapeString(ay.Label))
}

// pointedAt is up to how many points a series without dots can be pointed at.
const pointedAt = 150

func (d *drawing) series(ax, ay *Axis, i int, s Series) {
	colour := class(s.Colour, i)
	if line := path(ax, ay, s); line != "" && !s.Apart {
		dashed := ""
		if s.Dashed {
			dashed = " dashed"
		}
		fmt.Fprintf(d, `<path class="line %s%s" d="%s"/>`, colour, dashed, line)
	}
	if !s.Dots && len(s.Points) > pointedAt {
		return
	}
	for _, p := range s.Points {
		if !finite(p.Y) || !finite(p.X) {
			continue
		}
		hint := p.Hint
		if hint == "" {
			hint = fmt.Sprintf("%s: %s at %s", s.Name, ay.format(p.Y), ax.format(p.X))
		}
		d.dot(x(ax.place(p.X)), y(ay.place(p.Y)), s, colour, hint)
	}
}

// path is a line through the points that breaks where there is no value.
func path(ax, ay *Axis, s Series) string {
	var path strings.Builder
	open := false
	for _, p := range s.Points {
		if !finite(p.Y) || !finite(p.X) {
			open = false
			continue
		}
		px, py := x(ax.place(p.X)), y(ay.place(p.Y))
		switch {
		case !open:
			fmt.Fprintf(&path, "M%.1f %.1f", px, py)
			open = true
		case s.Steps:
			fmt.Fprintf(&path, "H%.1f V%.1f", px, py)
		default:
			fmt.Fprintf(&path, "L%.1f %.1f", px, py)
		}
	}
	return path.String()
}

func (d *drawing) dot(px, py float64, s Series, colour, hint string) {
	hint = html.EscapeString(hint)
	switch {
	case !s.Dots:
		fmt.Fprintf(d, `<circle class="spot" cx="%.1f" cy="%.1f" r="4"><title>%s</title></circle>`, px, py, hint)
	case s.Mark == Cross:
		fmt.Fprintf(d, `<path class="mark %s" d="M%.1f %.1fl10 10m0 -10l-10 10"><title>%s</title></path>`, colour, px-5, py-5, hint)
	case s.Mark == Ring:
		fmt.Fprintf(d, `<circle class="mark %s" cx="%.1f" cy="%.1f" r="5"><title>%s</title></circle>`, colour, px, py, hint)
	default:
		fmt.Fprintf(d, `<circle class="dot %s" cx="%.1f" cy="%.1f" r="4"><title>%s</title></circle>`, colour, px, py, hint)
	}
}
