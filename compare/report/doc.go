// Package report writes what a comparison has shown as text for a terminal and as one page. It computes nothing: all
// figures are those of compare.Report, whose JSON is the third form. Commands call it.
package report
