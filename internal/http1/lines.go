package http1

import "bytes"

// CutLine cuts p behind its first line, which comes without its CR LF or LF; whole is false if the
// line has no end yet, and then there is no rest.
func CutLine(p []byte) (line, rest []byte, whole bool) {
	line, rest, whole = bytes.Cut(p, []byte{'\n'})
	if n := len(line); whole && n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, rest, whole
}

// CutField cuts a field at its colon, and blanks off the value; ok is false without a colon.
func CutField(line []byte) (name, value []byte, ok bool) {
	name, value, ok = bytes.Cut(line, []byte{':'})
	return name, TrimBlank(value), ok
}

// Field is the value of the first field of a lower-case name in a head; nil if it is not there. See
// FieldLine.
func Field(head []byte, name string) []byte {
	line := FieldLine(head, name)
	if line == nil {
		return nil
	}
	return TrimBlank(line[len(name)+1:])
}

// FieldLine finds the first field of a lower-case name in a head, which may be cut short or broken, or
// have a body behind it. It returns its line without the end; nil if it is not there.
func FieldLine(head []byte, name string) []byte {
	_, head, _ = bytes.Cut(head, []byte{'\n'})
	for len(head) > 0 {
		line, rest, whole := bytes.Cut(head, HeadEnd[:2])
		if !whole || len(line) == 0 {
			return nil
		}
		if len(line) > len(name) && line[len(name)] == ':' && FoldEqual(line[:len(name)], name) {
			return line
		}
		head = rest
	}
	return nil
}

// HeadEnd ends a head.
var HeadEnd = []byte("\r\n\r\n")
