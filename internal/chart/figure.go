package chart

import (
	_ "embed" // the page's style
	"html/template"
)

// PageStyle is the style sheet of pages that show charts: a header with a verdict, tiles, parts with tables, figures.
//
//go:embed page.css
var PageStyle string

// Figure is a chart with its heading and what it means.
type Figure struct {
	Title, Note string
	SVG         template.HTML
}

// NewFigure draws a chart.
func NewFigure(title, note string, c interface{ SVG() template.HTML }) Figure {
	return Figure{title, note, c.SVG()}
}

// Colours is how many colours there are; further series begin again.
const Colours = 6

// Style is the style sheet of the charts. The page sets color-scheme; the colours are chosen
// to be told apart by eyes that do not see red and green (Okabe and Ito, 2008).
const Style = `
.chart { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
.chart .grid { stroke: light-dark(#e4e4e0, #34383c); stroke-width: 1; }
.chart .axis { stroke: light-dark(#777, #999); fill: none; }
.chart .tick { fill: light-dark(#666, #aaa); }
.chart .label { fill: light-dark(#333, #ccc); font-size: 13px; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .spot { fill: transparent; }
.chart .spot:hover { fill: light-dark(#333, #eee); }
.chart .name { fill: light-dark(#222, #ddd); }
.chart .one { stroke: light-dark(#555, #bbb); stroke-width: 1.5; stroke-dasharray: 3 3; }
.chart .mark { fill: none; stroke-width: 2.5; }
.chart .interval { stroke-width: 3; }
.dashed { stroke-dasharray: 5 4; }
.line.s0, .dot.s0, .mark.s0, .interval.s0 { stroke: light-dark(#0072b2, #56b4e9); } .glyph.s0 { color: light-dark(#0072b2, #56b4e9); } .bar.s0, .dot.s0 { fill: light-dark(#0072b2, #56b4e9); } .key.s0 { border-color: light-dark(#0072b2, #56b4e9); }
.line.s1, .dot.s1, .mark.s1, .interval.s1 { stroke: light-dark(#d55e00, #ff8c42); } .glyph.s1 { color: light-dark(#d55e00, #ff8c42); } .bar.s1, .dot.s1 { fill: light-dark(#d55e00, #ff8c42); } .key.s1 { border-color: light-dark(#d55e00, #ff8c42); }
.line.s2, .dot.s2, .mark.s2, .interval.s2 { stroke: light-dark(#009e73, #3fcf9f); } .glyph.s2 { color: light-dark(#009e73, #3fcf9f); } .bar.s2, .dot.s2 { fill: light-dark(#009e73, #3fcf9f); } .key.s2 { border-color: light-dark(#009e73, #3fcf9f); }
.line.s3, .dot.s3, .mark.s3, .interval.s3 { stroke: light-dark(#b8578f, #e79cc6); } .glyph.s3 { color: light-dark(#b8578f, #e79cc6); } .bar.s3, .dot.s3 { fill: light-dark(#b8578f, #e79cc6); } .key.s3 { border-color: light-dark(#b8578f, #e79cc6); }
.line.s4, .dot.s4, .mark.s4, .interval.s4 { stroke: light-dark(#a67c00, #f0e442); } .glyph.s4 { color: light-dark(#a67c00, #f0e442); } .bar.s4, .dot.s4 { fill: light-dark(#a67c00, #f0e442); } .key.s4 { border-color: light-dark(#a67c00, #f0e442); }
.line.s5, .dot.s5, .mark.s5, .interval.s5 { stroke: light-dark(#555, #bbb); } .glyph.s5 { color: light-dark(#555, #bbb); } .bar.s5, .dot.s5 { fill: light-dark(#555, #bbb); } .key.s5 { border-color: light-dark(#555, #bbb); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2em 1.4em; margin: 0.3em 0 0; padding: 0; font-size: 0.85em; }
.legend .key { display: inline-block; width: 1.5em; border-top-width: 3px; border-top-style: solid; vertical-align: middle; margin-right: 0.5em; }
.legend .key.dashed { border-top-style: dashed; }
.legend .glyph { margin-right: 0.5em; }
@media (max-width: 600px) { .chart { font-size: 16px; } .chart .label { font-size: 16px; } .chart .second { display: none; } }
`
