package docs

import (
	"slices"
	"strings"
	"testing"

	"sluice/compare/measure"
)

// TestFiguresOfComparisons holds the kinds of outputs, their figures and the roles of these to the page.
func TestFiguresOfComparisons(t *testing.T) {
	p := page(t, "docs/compare.md")
	var kinds, figures []string
	for k := measure.Tensor; k <= measure.Ranked; k++ {
		var names []string
		for _, f := range k.Figures() {
			names = append(names, f.Name)
			if f.Name == "abs_difference" && k == measure.Probability {
				continue // the page says that its role is another one there
			}
			if line := f.Name + " | " + f.Role.String(); !slices.Contains(figures, line) {
				figures = append(figures, line)
			}
		}
		kinds = append(kinds, k.String()+" | "+strings.Join(names, ", "))
	}
	same(t, "docs/compare.md, kinds,", rows(t, p, "Measures", "Kind", "Figures"), kinds)
	var second []string
	for _, table := range p.Tables {
		if table.Section == "Measures" && table.Head[0] == "Figure" {
			one := &Page{Path: p.Path, Tables: []Table{table}}
			second = rows(t, one, "Measures", "Figure", "Role")
		}
	}
	same(t, "docs/compare.md, figures,", second, figures)
}
