package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"sluice/loadtest/watch"
)

// markdown is the rows as a table.
func markdown(rows []row) string {
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	var b strings.Builder
	b.WriteString("| Promise | Limit | Measured | Verdict |\n|---|---|---|---|\n")
	for _, r := range rows {
		verdict := "missed"
		if r.held {
			verdict = "held"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell.Replace(r.what), cell.Replace(r.limit), cell.Replace(r.measured), verdict)
	}
	return b.String()
}

// The lines of a page between which the section stands.
const (
	sectionBegins = "<!-- the section below is written by test/rollout -->\n"
	sectionEnds   = "<!-- the section above is written by test/rollout -->\n"
)

// writePage replaces the section of a page.
func writePage(path, setting, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), sectionBegins)
	_, after, ok2 := strings.Cut(rest, sectionEnds)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the section: put these two lines into it:\n%s%s", path, sectionBegins, sectionEnds)
	}
	e := watch.Environment("")
	section := fmt.Sprintf("%s, `go run ./test/rollout %s`, %s, %d cores. %s\n\n%s",
		time.Now().UTC().Format(time.DateOnly), strings.Join(os.Args[1:], " "), e.CPU, e.Cores, setting, table)
	return os.WriteFile(path, []byte(before+sectionBegins+section+sectionEnds+after), 0o644)
}
