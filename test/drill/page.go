package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// row is a line of the table.
type row struct {
	promise
	verdict
}

// The lines of the page between which the table stands.
const (
	tableBegins = "<!-- the table below is written by make drill -->\n"
	tableEnds   = "<!-- the table above is written by make drill -->\n"
)

// writePage replaces the rows of the table that were run; others stay.
func writePage(path string, rows []row) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), tableBegins)
	old, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the table", path)
	}
	lines := map[string]string{}
	for line := range strings.Lines(old) {
		if fields := strings.Split(line, "|"); len(fields) > 2 {
			lines[strings.TrimSpace(fields[1])] = line
		}
	}
	for _, r := range rows {
		lines[r.id] = r.line()
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s| | Promise | Experiment | Figure | Verdict | When, where |\n|---|---|---|---|---|---|\n", before, tableBegins)
	for _, p := range promises {
		b.WriteString(lines[p.id])
	}
	b.WriteString(tableEnds + after)
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func (r row) line() string {
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", r.id, r.text, r.experiment, cell.Replace(r.figure), verdictWord(r.held), machine())
}
