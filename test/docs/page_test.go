package docs

import (
	"slices"
	"strings"
	"testing"
)

const sample = "# Title\n\nText `|` here.\n\n## One\n\n| Code | Means |\n|---|---|\n| `A` | a \\| b |\n| `B` | |\n\n" +
	"<!-- not run: needs a GPU -->\n\n```sh\nmake x\n```\n\n<!-- output -->\n```text\na ... c\n```\n\nBetween.\n\n" +
	"1. Item\n\n   ```sh\n   curl \\\n     x\n   ```\n"

func TestParse(t *testing.T) {
	p, err := Parse("x.md", sample)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Headings, []string{"Title", "One"}) {
		t.Errorf("headings are %q", p.Headings)
	}
	table, err := p.Table("One")
	if err != nil {
		t.Fatal(err)
	}
	column := func(head string, want ...string) {
		t.Helper()
		if got, err := table.Column(head); err != nil || !slices.Equal(got, want) {
			t.Errorf("column %s is %q, %v; want %q", head, got, err, want)
		}
	}
	column("Code", "A", "B")
	column("Means", "a | b", "")
	if _, err := table.Column("Nope"); err == nil {
		t.Error("a column was found that is not there")
	}
	if _, err := p.Table("Title"); err == nil {
		t.Error("a table was found that is not there")
	}
	if len(p.Blocks) != 3 {
		t.Fatalf("%d blocks were found", len(p.Blocks))
	}
	f := func(i, line int, lang, text, notRun string, output bool) {
		t.Helper()
		b := &p.Blocks[i]
		if b.Line != line || b.Lang != lang || b.Text != text || b.NotRun() != notRun || b.IsOutput() != output || b.Section != "One" {
			t.Errorf("block %d is %+v", i, *b)
		}
	}
	f(0, 14, "sh", "make x\n", "needs a GPU", false)
	f(1, 19, "text", "a ... c\n", "", true)
	f(2, 27, "sh", "curl \\\n  x\n", "", false)
}

func TestParseRefuses(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse("x.md", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gave %v, want %q", text, err, want)
		}
	}
	f("a\n```sh\nb\n", "x.md:2: the block is never closed")
	f("# a\n\n    make b\n", "x.md:3: a block that is only indented")
	f("<!-- a\nb -->\n", "x.md:1: a comment must end on the line")
	table, err := Parse("x.md", "# A\n| a | b |\n|---|---|\n| 1 |\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Tables[0].Column("a"); err == nil {
		t.Error("a short row was taken")
	}
}

func TestMatches(t *testing.T) {
	f := func(shown, output string, want bool) {
		t.Helper()
		if got := Matches(shown, output); got != want {
			t.Errorf("Matches(%q, %q) = %v", shown, output, got)
		}
	}
	f("a\n", "a", true)
	f("a", "b", false)
	f("a", "a\nb", false)
	f("a...c...e", "abbcde", true)
	f("a...c", "ac", true)
	f("a...c", "acd", false)
	f("a...a", "a", false)
	f("...", "", true)
	f("a\n...\nd", "a\nb\nc\nd", true)
	f("a\n...\nd", "a\nd", true)
	f("a\n...\nd", "a\nb", false)
	f("a\nb", "a", false)
}
