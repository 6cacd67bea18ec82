package chart

import (
	"fmt"
	"html"
	"html/template"
	"math"
)

// Forest is a forest plot of ratios: one row for each name, in it intervals one below the other,
// on a logarithmic axis with a line at 1, where nothing differs.
type Forest struct {
	Title string
	// Label says what the ratio is of what.
	Label string
	// Keys say what the intervals of a row are, in their order.
	Keys []string
	Rows []ForestRow
}

// ForestRow is what is known of one name.
type ForestRow struct {
	Name      string
	Intervals []Interval
}

// Interval is a ratio with its confidence interval. One that is not above 0, or not finite, is not drawn,
// nor is one of a billion and more.
type Interval struct {
	Mid, Lo, Hi float64
	// Hint is shown where the pointer rests; "" means the numbers.
	Hint string
}

func (i Interval) known() bool {
	// A ratio beyond this is no comparison, and would leave no room for the others.
	const most = 1e9
	return min(i.Mid, i.Lo, i.Hi) > 1/most && max(i.Mid, i.Lo, i.Hi) < most // false for what is no number
}

// SVG draws the plot with its legend.
func (f Forest) SVG() template.HTML {
	axis := f.axis()
	var names []string
	for _, r := range f.Rows {
		names = append(names, r.Name)
	}
	const thick, gap = 16, 14
	rowHeight := thick*max(len(f.Keys), 1) + gap
	c := newAcross(names, len(f.Rows), rowHeight)
	d := newDrawingOf(f.Title, c.height)
	c.axis(d, &axis, axis.ratioTicks())
	one := c.x(axis.place(1))
	fmt.Fprintf(d, `<line class="one" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, one, one, acrossTop, c.height-acrossBottom)
	for i, r := range f.Rows {
		from := float64(acrossTop + i*rowHeight + gap/2)
		c.name(d, from+float64(rowHeight-gap)/2, r.Name)
		for k, v := range r.Intervals {
			if v.known() {
				f.interval(d, c, &axis, from+float64(k*thick)+thick/2, k, r.Name, v)
			}
		}
	}
	series := make([]Series, len(f.Keys))
	for i, k := range f.Keys {
		series[i] = Series{Name: k, Apart: true, Mark: markOf(i)}
	}
	return d.end(legend(series))
}

// markOf tells intervals apart by more than their colour.
func markOf(k int) Mark {
	if k == 0 {
		return Disc
	}
	return Ring
}

func (f Forest) interval(d *drawing, c across, axis *Axis, at float64, k int, name string, v Interval) {
	hint := v.Hint
	if hint == "" {
		hint = fmt.Sprintf("%s: %.4g (%.4g to %.4g)", name, v.Mid, v.Lo, v.Hi)
	}
	low, mid, high := c.x(axis.place(v.Lo)), c.x(axis.place(v.Mid)), c.x(axis.place(v.Hi))
	fmt.Fprintf(d, `<path class="interval %s" d="M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8"><title>%s</title></path>`, class(0, k),
		low, at, high, low, at-4, high, at-4, html.EscapeString(hint))
	d.dot(mid, at, Series{Dots: true, Mark: markOf(k)}, class(0, k), hint)
}

// axis reaches from the lowest to the highest interval, 1 included, with a margin.
func (f Forest) axis() Axis {
	low, high := 1.0, 1.0
	for _, r := range f.Rows {
		for _, v := range r.Intervals {
			if v.known() {
				low, high = min(low, v.Lo, v.Mid), max(high, v.Hi, v.Mid)
			}
		}
	}
	margin := max(math.Pow(high/low, 0.06), 1.005)
	return Axis{Label: f.Label, Log: true, Min: low / margin, Max: high * margin}
}

// ratioTicks are round ratios: even steps where the axis is short, 1, 2 and 5 where it is long.
func (a *Axis) ratioTicks() (ticks []float64) {
	if a.Max/a.Min < 4 {
		linear := Axis{Min: a.Min, Max: a.Max}
		return linear.ticks()
	}
	steps := []float64{1, 2, 5}
	if a.Max/a.Min > 1000 {
		steps = steps[:1]
	}
	first, last := math.Floor(math.Log10(a.Min)), math.Log10(a.Max)
	every := 1 + math.Floor((last-first)/9)
	for e := first; e <= last; e += every {
		for _, m := range steps {
			if v := m * math.Pow(10, e); v >= a.Min && v <= a.Max {
				ticks = append(ticks, v)
			}
		}
	}
	return ticks
}
