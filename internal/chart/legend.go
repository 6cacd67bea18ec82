package chart

import (
	"fmt"
	"html"
	"strings"
)

// glyphs stand in the legend for dots without a line.
var glyphs = [...]string{Disc: "●", Ring: "○", Cross: "✕"}

// legendOf names stacks.
func legendOf(stacks []Stack) string {
	series := make([]Series, len(stacks))
	for i, s := range stacks {
		series[i].Name, series[i].Colour = s.Name, s.Colour
	}
	return legend(series)
}

// legend names the series; a single one needs no legend.
func legend(series []Series) string {
	if len(series) < 2 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<ul class="legend">`)
	for i, s := range series {
		colour := class(s.Colour, i)
		switch {
		case s.Apart:
			fmt.Fprintf(&b, `<li><b class="glyph %s">%s</b>%s</li>`, colour, glyphs[s.Mark], html.EscapeString(s.Name))
		case s.Dashed:
			fmt.Fprintf(&b, `<li><i class="key %s dashed"></i>%s</li>`, colour, html.EscapeString(s.Name))
		default:
			fmt.Fprintf(&b, `<li><i class="key %s"></i>%s</li>`, colour, html.EscapeString(s.Name))
		}
	}
	b.WriteString(`</ul>`)
	return b.String()
}
