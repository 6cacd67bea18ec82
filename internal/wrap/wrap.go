// Package wrap breaks prose into lines for people: help, reports, what a command prints on a terminal.
// It keeps nothing, and anybody may call it.
package wrap

import (
	"strings"
	"unicode/utf8"
)

// Lines breaks a text between words into lines of a width in characters at most; a word that is
// longer has a line for itself. The text's own lines stay apart, and empty ones stay: there is at
// least one.
func Lines(text string, width int) (lines []string) {
	for given := range strings.SplitSeq(text, "\n") {
		line, at := "", 0
		for _, word := range strings.Fields(given) {
			n := utf8.RuneCountInString(word)
			switch {
			case line == "":
				line, at = word, n
			case at+1+n <= width:
				line, at = line+" "+word, at+1+n
			default:
				lines = append(lines, line)
				line, at = word, n
			}
		}
		lines = append(lines, line)
	}
	return lines
}
