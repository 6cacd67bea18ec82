package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"sluice/compare"
	"sluice/internal/wrap"
)

// columns is how wide the text is.
const columns = 80

// Text writes a report as a person reads it in a terminal of 80 columns: the verdict first.
func Text(w io.Writer, r *compare.Report) error {
	d := describe(r)
	var b strings.Builder
	wrapped(&b, 0, string(d.Verdict)+": "+d.Reason)
	wrapped(&b, 0, d.Subject)
	for i := range d.Parts {
		p := &d.Parts[i]
		fmt.Fprintf(&b, "\n%s\n", p.Title)
		p.Table.text(&b)
		for _, note := range p.Notes {
			wrapped(&b, 2, note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func wrapped(b *strings.Builder, indent int, text string) {
	for _, line := range wrap.Lines(printable(text), columns-indent) {
		fmt.Fprintf(b, "%*s%s\n", indent, "", line)
	}
}

// text writes the cells below each other. A last column that has no room goes on below itself; a cell in the middle is
// cut.
func (t *table) text(b *strings.Builder) {
	lines := make([][]string, 0, len(t.Rows)+1)
	if len(t.Head) > 0 {
		lines = append(lines, t.Head)
	}
	for i := range t.Rows {
		lines = append(lines, t.Rows[i].Cells)
	}
	var widths []int
	for _, cells := range lines {
		for i, c := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	t.squeeze(widths)
	for _, cells := range lines {
		t.line(b, cells, widths)
	}
}

// squeeze takes from the widest columns of words what the line is too long by.
func (t *table) squeeze(widths []int) {
	total := 0
	for _, n := range widths {
		total += n + 2
	}
	for ; total > columns; total-- {
		widest := 0
		for i := range widths {
			if t.Word(i) && widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 8 {
			return
		}
		widths[widest]--
	}
}

func (t *table) line(b *strings.Builder, cells []string, widths []int) {
	var line strings.Builder
	line.WriteString("  ")
	for i, c := range cells {
		c = printable(c)
		n := utf8.RuneCountInString(c)
		switch last := i == len(cells)-1; {
		case n > widths[i] && last:
			at := utf8.RuneCountInString(line.String())
			for k, part := range wrap.Lines(c, widths[i]) {
				if k > 0 {
					fmt.Fprintf(&line, "\n%*s", at, "")
				}
				line.WriteString(part)
			}
			continue
		case n > widths[i]:
			c, n = string([]rune(c)[:widths[i]-1])+"~", widths[i]
		}
		pad := strings.Repeat(" ", widths[i]-n)
		if t.Word(i) {
			line.WriteString(c + pad + "  ")
		} else {
			line.WriteString(pad + c + "  ")
		}
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}
