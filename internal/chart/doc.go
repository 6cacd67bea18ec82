// Package chart draws line and bar charts as SVG for reports that are one file: axes with
// units, a legend, a hint for each point where the pointer rests, no script and nothing from
// the network. It owns no state. Colours come from classes, so that the page's style sheet
// decides about light and dark; Style is the one to embed.
package chart
