package prescan

import (
	"bytes"
	"errors"
	"fmt"
)

// The limits of a YAML text. Each is far above what settings need, and costs the parser at most a
// second and 130 MB.
const (
	MaxYAMLBytes = 1 << 20

	maxOpened  = 4096   // brackets and braces, open or closed again, in texts and comments too
	maxLevels  = 64     // indentations in one another, and dashes on one line
	maxKeys    = 8192   // colons that may end a key: the parser compares each key with the others
	maxNodes   = 100000 // lines, and commas in them
	maxAnchors = 16     // anchors and aliases: a few that name each other stand for a great many values
	maxTags    = 1024
)

// Unmarked is a text without the mark that some editors put before UTF-8: a parser takes it for a
// part of the first key.
func Unmarked(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\uFEFF")) }

// YAML refuses a text that a parser should not be given. An error names the limit, and the line.
func YAML(text []byte) error {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return errors.New("it is UTF-16: save it as UTF-8")
	}
	if len(text) > MaxYAMLBytes {
		return fmt.Errorf("it has %d bytes; the limit is %d", len(text), MaxYAMLBytes)
	}
	var s scan
	for len(text) > 0 {
		end := bytes.IndexAny(text, "\r\n") + 1
		if end == 0 {
			end = len(text)
		}
		s.line++
		if err := s.look(text[:end]); err != nil {
			return fmt.Errorf("line %d: %w", s.line, err)
		}
		text = text[end:]
	}
	return nil
}

// scan counts what a text has had so far.
type scan struct {
	line, opened, keys, nodes, anchors, tags int
	// levels are the indentations that the line stands in, each deeper than the one before.
	levels [maxLevels]int
	depth  int
}

// look counts a line with its end.
func (s *scan) look(line []byte) error {
	s.nodes++
	start, dashes := indent(line)
	content := line[start:]
	if len(bytes.TrimSpace(content)) == 0 || content[0] == '#' {
		return s.check(0)
	}
	for s.depth > 0 && s.levels[s.depth-1] >= start {
		s.depth--
	}
	if s.depth == maxLevels {
		return fmt.Errorf("it is nested more than %d levels deep", maxLevels)
	}
	s.levels[s.depth] = start
	s.depth++
	before := byte(' ')
	for i, c := range content {
		after := byte('\n')
		if i+1 < len(content) {
			after = content[i+1]
		}
		switch {
		case c == '[' || c == '{':
			s.opened++
		case c == ',':
			s.nodes++
		case c == ':' && ends(after):
			s.keys++
		case (c == '&' || c == '*') && starts(before) && !ends(after):
			s.anchors++
		case c == '!' && starts(before):
			s.tags++
		}
		before = c
	}
	return s.check(dashes)
}

// indent is where a line's content starts, and how many dashes or question marks open it: each
// begins a list or a key in the one before.
func indent(line []byte) (start, dashes int) {
	for start < len(line) && (line[start] == ' ' || line[start] == '\t') {
		start++
	}
	blank := true
	for _, c := range line[start:] {
		switch {
		case (c == '-' || c == '?') && blank:
			dashes, blank = dashes+1, false
		case c == ' ' || c == '\t':
			blank = true
		default:
			return start, dashes
		}
	}
	return start, dashes
}

// starts tells whether a node may begin after a character, and ends whether one may end before it.
func starts(before byte) bool {
	return ends(before) || before == '[' || before == '{' || before == ':' || before == '-'
}

func ends(after byte) bool {
	return after == ' ' || after == '\t' || after == '\n' || after == '\r' || after == ',' || after == ']' || after == '}'
}

func (s *scan) check(dashes int) error {
	for _, c := range []struct {
		n, most int
		what    string
	}{
		{s.opened, maxOpened, "brackets and braces are opened"},
		{s.keys, maxKeys, "keys"},
		{s.nodes, maxNodes, "lines and values"},
		{s.anchors, maxAnchors, "anchors and aliases"},
		{s.tags, maxTags, "tags"},
		{dashes, maxLevels, "dashes on a line: it is nested too deep"},
	} {
		if c.n > c.most {
			return fmt.Errorf("more than %d %s", c.most, c.what)
		}
	}
	return nil
}
