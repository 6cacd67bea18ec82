package chart

import "html/template"

// Figure is a chart with its heading and what it means.
type Figure struct {
	Title, Note string
	SVG         template.HTML
}

// NewFigure draws a chart.
func NewFigure(title, note string, c interface{ SVG() template.HTML }) Figure {
	return Figure{title, note, c.SVG()}
}
