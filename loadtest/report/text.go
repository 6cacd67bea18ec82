package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"sluice/loadtest/result"
)

// columns is how wide the text is; only tables of figures may be wider.
const columns = 100

// Text writes a result as a person reads it in a terminal: the verdict first, then what stands
// in its way, then the figures.
func Text(w io.Writer, r *result.Result) error {
	return describe(r).text(w)
}

func (d *document) text(w io.Writer) error {
	p := &printer{}
	fmt.Fprintln(p, result.Clean(d.Verdict))
	for _, a := range d.Alarms {
		fmt.Fprintln(p)
		fmt.Fprintln(p, a.Heading())
		for _, reason := range a.Reasons {
			p.wrapped(2, "", reason)
		}
	}
	for _, part := range d.Parts {
		fmt.Fprintf(p, "\n%s\n", result.Clean(part.Title))
		for _, line := range part.Lines {
			p.wrapped(2, "", line)
		}
		p.table(&part.Table)
		for _, line := range part.Notes {
			p.wrapped(2, "", line)
		}
	}
	// The first line has scrolled away by now.
	fmt.Fprintf(p, "\n%s: %s\n", d.State, result.Clean(d.BareVerdict()))
	_, err := io.WriteString(w, p.String())
	return err
}

type printer struct{ strings.Builder }

// wrapped prints words with an indent; first stands before them, and further lines begin below its end.
func (p *printer) wrapped(indent int, first, text string) {
	line := strings.Repeat(" ", indent) + first
	hang := utf8.RuneCountInString(line)
	used, fresh := hang, true
	p.WriteString(line)
	for _, word := range strings.Fields(result.Clean(text)) {
		n := utf8.RuneCountInString(word)
		switch {
		case fresh:
		case used+1+n > max(columns, hang+20):
			fmt.Fprintf(p, "\n%s", strings.Repeat(" ", hang))
			used = hang
		default:
			p.WriteByte(' ')
			used++
		}
		p.WriteString(word)
		used += n
		fresh = false
	}
	p.WriteByte('\n')
}

func (p *printer) table(t *table) {
	var lines [][]string
	if len(t.Head) > 0 {
		lines = append(lines, t.Head)
	}
	for _, r := range t.Rows {
		lines = append(lines, r.Cells)
	}
	widths := make([]int, t.columns())
	for _, cells := range lines {
		for i, c := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(result.Clean(c)))
		}
	}
	for _, cells := range lines {
		p.row(t, cells, widths)
	}
}

func (p *printer) row(t *table, cells []string, widths []int) {
	var line strings.Builder
	for i, c := range cells {
		c = result.Clean(c)
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
		switch {
		case i == len(cells)-1 && t.Words > 0:
			if strings.TrimSpace(c) != "" {
				p.wrapped(0, "  "+line.String(), c)
				return
			}
		case i == 0 || i >= len(widths)-t.Words:
			line.WriteString(c + pad + "  ")
		default:
			line.WriteString(pad + c + "  ")
		}
	}
	p.WriteString(strings.TrimRight("  "+line.String(), " ") + "\n")
}

// commandLine quotes what a shell would take apart.
func commandLine(argv []string) string {
	var parts []string
	for _, a := range argv {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$&|;<>()*?[]#~`!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		parts = append(parts, a)
	}
	return strings.Join(parts, " ")
}
