package chart

import (
	"fmt"
	"html"
	"html/template"
)

// Bars is a chart of stacked bars: one bar for each name of the X axis.
type Bars struct {
	Title string
	X, Y  Axis
	// Stacks from the bottom up; each has a value for each bar.
	Stacks []Stack
}

// Stack is one part of every bar.
type Stack struct {
	Name   string
	Values []float64
	// Colour is from 1 to Colours; 0 is the next one by the order of the stacks.
	Colour int
}

// SVG draws the chart with its legend.
func (b Bars) SVG() template.HTML {
	sums := make([]float64, len(b.X.Names))
	for _, s := range b.Stacks {
		for i, v := range s.Values {
			sums[i] += drawn(v)
		}
	}
	b.Y.fit(sums)
	d := newDrawing(b.Title)
	d.levels(&b.Y)
	d.labels(&b.X, &b.Y)
	n := float64(max(len(b.X.Names), 1))
	wide := (x(1) - x(0)) / n
	every := 1 // of the names, as many as fit
	if len(b.X.Names) > 16 {
		every = int(niceStep(n / 16))
	}
	gap := 0.1
	if len(b.X.Names) > 60 {
		gap = 0
	}
	clear(sums)
	for i, name := range b.X.Names {
		from := x(float64(i) / n)
		if i%every == 0 {
			class := "tick"
			if i/every%2 == 1 && n > 6 {
				class = "tick second" // a narrow page leaves these out
			}
			d.under(class, from+wide/2, height-bottom+18, name)
		}
		for k, s := range b.Stacks {
			v := drawn(s.Values[i])
			low, high := y(b.Y.place(sums[i])), y(b.Y.place(sums[i]+v))
			sums[i] += v
			if v == 0 && len(b.X.Names) > 16 {
				continue // nothing to see, and hundreds of them
			}
			fmt.Fprintf(d, `<rect class="bar %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`, class(s.Colour, k),
				from+wide*gap, high, wide*(1-2*gap), max(low-high, 0), html.EscapeString(fmt.Sprintf("%s, %s: %s", name, s.Name, b.Y.format(s.Values[i]))))
		}
	}
	return d.end(legendOf(b.Stacks))
}

// drawn is a value that can be drawn: what is no number is nothing.
func drawn(v float64) float64 {
	if !finite(v) || v < 0 {
		return 0
	}
	return v
}
