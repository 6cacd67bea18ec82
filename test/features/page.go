package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"sluice/loadtest/watch"
)

// The lines of a page between which the section of a part stands.
const (
	sectionBegins = "<!-- the section %s below is written by test/features -->\n"
	sectionEnds   = "<!-- the section %s above is written by test/features -->\n"
)

// writeSection replaces a part's section of a page.
func writeSection(path, part, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begins, ends := fmt.Sprintf(sectionBegins, part), fmt.Sprintf(sectionEnds, part)
	before, rest, ok := strings.Cut(string(page), begins)
	_, after, ok2 := strings.Cut(rest, ends)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the section: put these two lines into it:\n%s%s", path, begins, ends)
	}
	e := watch.Environment("")
	section := fmt.Sprintf("%s, `go run ./test/features %s`, %s, %d cores, load average %s at the end.\n\n%s",
		time.Now().UTC().Format(time.DateOnly), strings.Join(os.Args[1:], " "), e.CPU, e.Cores, loadAverage(), text)
	return os.WriteFile(path, []byte(before+begins+section+ends+after), 0o644)
}

// loadAverage is that of the last minute, as the system says it.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
