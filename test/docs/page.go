package docs

import (
	"fmt"
	"os"
	"strings"
)

// Page is one Markdown file.
type Page struct {
	Path   string
	Text   string
	Blocks []Block
	Tables []Table
	// Headings are all headings, as they are written, without the marks.
	Headings []string
}

// Block is one fenced block.
type Block struct {
	Line    int    // of the opening fence, from 1
	Lang    string // what follows the fence: sh, python, text
	Section string // the heading above it
	Text    string // with a line feed at its end
	// Note is the comment above it, without its marks; empty if there is none.
	Note string
}

// Table is one table; its cells are without the marks of code.
type Table struct {
	Line    int // of its head
	Section string
	Head    []string
	Rows    [][]string
}

// Read reads a page.
func Read(path string) (*Page, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, string(text))
}

// Parse reads a page's text. It knows as much of Markdown as the pages use: it refuses what it
// could misread, such as a fence that is never closed.
func Parse(path, text string) (*Page, error) {
	p := &Page{Path: path, Text: text}
	r := reader{page: p, lines: strings.Split(text, "\n")}
	for r.at < len(r.lines) {
		if err := r.step(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// reader is a page while it is read.
type reader struct {
	page    *Page
	lines   []string
	at      int
	section string
	note    string // the comment above, while only blank lines followed it
	blank   bool   // the line above is empty
}

func (r *reader) step() error {
	line := r.lines[r.at]
	trimmed := strings.TrimSpace(line)
	blank := r.blank
	r.blank = trimmed == ""
	switch {
	case strings.HasPrefix(trimmed, "```"):
		return r.block(trimmed)
	case blank && strings.HasPrefix(line, "    ") && trimmed != "":
		return fmt.Errorf("%s:%d: a block that is only indented has no language and is not run: write a fence", r.page.Path, r.at+1)
	case strings.HasPrefix(line, "#"):
		r.section = strings.TrimSpace(strings.TrimLeft(line, "#"))
		r.page.Headings = append(r.page.Headings, r.section)
		r.note = ""
	case strings.HasPrefix(trimmed, "<!--"):
		note, ended := strings.CutSuffix(strings.TrimPrefix(trimmed, "<!--"), "-->")
		if !ended {
			return fmt.Errorf("%s:%d: a comment must end on the line on which it begins", r.page.Path, r.at+1)
		}
		r.note = strings.TrimSpace(note)
	case strings.HasPrefix(line, "|") && r.at+1 < len(r.lines) && strings.HasPrefix(r.lines[r.at+1], "|--"):
		r.table()
		return nil
	case trimmed != "":
		r.note = ""
	}
	r.at++
	return nil
}

// block reads from an opening fence through the closing one.
func (r *reader) block(fence string) error {
	begin := r.at
	indent := len(r.lines[begin]) - len(strings.TrimLeft(r.lines[begin], " "))
	var b strings.Builder
	for r.at++; r.at < len(r.lines); r.at++ {
		line := r.lines[r.at]
		if strings.TrimSpace(line) == "```" {
			r.page.Blocks = append(r.page.Blocks, Block{
				Line: begin + 1, Lang: strings.TrimPrefix(fence, "```"), Section: r.section, Text: b.String(), Note: r.note,
			})
			r.note = ""
			r.at++
			return nil
		}
		b.WriteString(line[min(indent, len(line)-len(strings.TrimLeft(line, " "))):])
		b.WriteByte('\n')
	}
	return fmt.Errorf("%s:%d: the block is never closed", r.page.Path, begin+1)
}

func (r *reader) table() {
	t := Table{Line: r.at + 1, Section: r.section, Head: cells(r.lines[r.at])}
	for r.at += 2; r.at < len(r.lines) && strings.HasPrefix(r.lines[r.at], "|"); r.at++ {
		t.Rows = append(t.Rows, cells(r.lines[r.at]))
	}
	r.page.Tables = append(r.page.Tables, t)
	r.note = ""
}

// Server are the flags of the gateway that the page's examples ask, beside those that say
// where it listens and what it serves. A comment on the first line gives them.
func (p *Page) Server() []string {
	first, _, _ := strings.Cut(p.Text, "\n")
	flags, ok := strings.CutPrefix(first, "<!-- server:")
	if !ok {
		return nil
	}
	return strings.Fields(strings.TrimSuffix(flags, "-->"))
}

// shown reports whether the block after b is what b prints.
func (p *Page) shown(b *Block) bool {
	for i := range p.Blocks[:max(len(p.Blocks)-1, 0)] {
		if &p.Blocks[i] == b {
			return p.Blocks[i+1].IsOutput()
		}
	}
	return false
}

// cells splits a row of a table. A bar inside a cell is written \|.
func cells(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(line, `\|`, bar)
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	all := strings.Split(line, "|")
	for i, cell := range all {
		all[i] = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(cell), "`", ""), bar, "|")
	}
	return all
}

// Table finds the first table under a heading.
func (p *Page) Table(section string) (*Table, error) {
	for i := range p.Tables {
		if p.Tables[i].Section == section {
			return &p.Tables[i], nil
		}
	}
	return nil, fmt.Errorf("%s has no table under the heading %q", p.Path, section)
}

// Column is the cells of the column with that head.
func (t *Table) Column(head string) ([]string, error) {
	for i, name := range t.Head {
		if name != head {
			continue
		}
		column := make([]string, 0, len(t.Rows))
		for n, row := range t.Rows {
			if len(row) != len(t.Head) {
				return nil, fmt.Errorf("row %d of the table at line %d has %d cells, its head has %d", n+1, t.Line, len(row), len(t.Head))
			}
			column = append(column, row[i])
		}
		return column, nil
	}
	return nil, fmt.Errorf("the table at line %d has no column %q, only %q", t.Line, head, t.Head)
}

// NotRun is why a block is not run; empty if it is.
func (b *Block) NotRun() string { return b.noted("not run:") }

// Runs reports whether the block is one to be run: commands for a shell, unless its note says
// why not.
func (b *Block) Runs() bool {
	return b.Lang == "sh" && b.NotRun() == "" && b.File() == "" && !b.Serves() && b.Beside() == ""
}

// Beside is the tool that the block runs until the page ends; empty if it does not.
func (b *Block) Beside() string { return b.noted("beside:") }

// Serves reports whether the block is the gateway that the blocks below it ask, in place of the one before it.
func (b *Block) Serves() bool { return b.Lang == "sh" && b.Note == "serves" }

// File is the name of the file that the block is; empty if it is none.
func (b *Block) File() string { return b.noted("file:") }

// Needs is the tool that running the block takes beside a shell; empty if it takes none.
func (b *Block) Needs() string { return b.noted("needs:") }

// IsOutput reports whether the block is what the one before it prints.
func (b *Block) IsOutput() bool { return b.Note == "output" }

func (b *Block) noted(prefix string) string {
	if rest, ok := strings.CutPrefix(b.Note, prefix); ok {
		return strings.TrimSpace(rest)
	}
	return ""
}

// Matches reports whether output is as the page shows it: "..." in a line stands for any
// text in it, and a line of "..." alone for any lines. Blanks at the ends of lines and of the
// whole do not count.
func Matches(shown, output string) bool { return matchLines(lines(shown), lines(output)) }

func lines(text string) []string {
	all := strings.Split(strings.TrimRight(text, " \t\r\n"), "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], " \t\r")
	}
	return all
}

func matchLines(shown, output []string) bool {
	if len(shown) == 0 {
		return len(output) == 0
	}
	if strings.TrimSpace(shown[0]) == "..." {
		for skip := range len(output) + 1 {
			if matchLines(shown[1:], output[skip:]) {
				return true
			}
		}
		return false
	}
	return len(output) > 0 && matchLine(shown[0], output[0]) && matchLines(shown[1:], output[1:])
}

func matchLine(shown, output string) bool {
	parts := strings.Split(shown, "...")
	if len(parts) == 1 {
		return shown == output
	}
	rest, ok := strings.CutPrefix(output, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
