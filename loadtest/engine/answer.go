package engine

import (
	"bytes"

	"sluice/loadtest/sample"
)

// answer is what is read of an HTTP/1.1 response.
type answer struct {
	whole     bool
	malformed bool
	status    int
	total     int // bytes, head and body
	head      []byte
	body      []byte // without chunks' frames
	close     bool
	stages    [sample.Stages]uint32
	batch     uint16
	device    []byte
}

var headEnd = []byte("\r\n\r\n")

// mostHead is the longest head that is read.
const mostHead = 64 << 10

// read looks for a whole answer at the start of buf; ended says that nothing follows.
func (a *answer) read(buf []byte, ended bool) {
	end := bytes.Index(buf, headEnd)
	if end < 0 {
		a.malformed = len(buf) > mostHead || !couldBegin(buf)
		return
	}
	a.head = buf[:end+2]
	var f framing
	if a.malformed = !a.line() || !a.fields(&f); a.malformed {
		return
	}
	begin := end + len(headEnd)
	rest := buf[begin:]
	switch {
	case a.status < 200 || a.status == 204 || a.status == 304:
		a.whole, a.total = true, begin
	case f.chunked:
		var used int
		if a.body, used, a.malformed = dechunk(rest); used > 0 {
			a.whole, a.total = true, begin+used
		}
	case f.length >= 0:
		if len(rest) >= f.length {
			a.whole, a.total, a.body = true, begin+f.length, rest[:f.length]
		}
	case ended: // the end of the connection is the end of the answer
		a.whole, a.total, a.body, a.close = true, len(buf), rest, true
	}
}

var version = []byte("HTTP/1.")

// couldBegin says that buf is the beginning of an answer, as far as can be told.
func couldBegin(buf []byte) bool {
	n := min(len(buf), len(version))
	return bytes.Equal(buf[:n], version[:n])
}

// line reads the status line.
func (a *answer) line() bool {
	h := a.head
	if len(h) < len("HTTP/1.1 200") || !couldBegin(h) || h[8] != ' ' {
		return false
	}
	a.close = h[7] == '0'
	for _, c := range h[9:12] {
		if c < '0' || c > '9' {
			return false
		}
		a.status = 10*a.status + int(c-'0')
	}
	return a.status >= 100
}

// framing is how the end of the body is known.
type framing struct {
	length  int // -1 if not told
	chunked bool
}

// fields reads the header fields that matter; the first letter and the length rule out the others.
func (a *answer) fields(f *framing) bool {
	f.length = -1
	rest := a.head
	for {
		line := bytes.IndexByte(rest, '\n')
		rest = rest[line+1:]
		if len(rest) == 0 {
			return true
		}
		colon := bytes.IndexByte(rest, ':')
		end := bytes.IndexByte(rest, '\r')
		if colon < 0 || end < colon {
			return false
		}
		name, value := rest[:colon], bytes.TrimSpace(rest[colon+1:end])
		switch len(name) {
		case len("Content-Length"):
			if is(name, "content-length") {
				n, ok := decimal(value)
				if !ok || f.length >= 0 && f.length != n {
					return false
				}
				f.length = n
			}
		case len("Transfer-Encoding"):
			if is(name, "transfer-encoding") {
				f.chunked = is(value, "chunked")
			}
		case len("Connection"):
			if is(name, "connection") {
				a.close = is(value, "close") || a.close && !is(value, "keep-alive")
			}
		case len("Server-Timing"):
			if is(name, "server-timing") {
				a.timing(value)
			} else if is(name, "sluice-device") {
				a.device = value
			}
		case len("Sluice-Batch"):
			if is(name, "sluice-batch") {
				n, _ := decimal(value)
				a.batch = uint16(min(n, 1<<16-1))
			}
		}
	}
}

// is compares without regard to case; want is in lower case.
func is(text []byte, want string) bool {
	if len(text) != len(want) {
		return false
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

// decimal reads a whole number that fits a length.
func decimal(text []byte) (n int, ok bool) {
	if len(text) == 0 || len(text) > 12 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// timing reads "name;dur=1.234, name;dur=5": milliseconds.
func (a *answer) timing(value []byte) {
	for len(value) > 0 {
		var entry []byte
		if comma := bytes.IndexByte(value, ','); comma >= 0 {
			entry, value = value[:comma], value[comma+1:]
		} else {
			entry, value = value, nil
		}
		for len(entry) > 0 && entry[0] == ' ' {
			entry = entry[1:]
		}
		semi := bytes.IndexByte(entry, ';')
		if semi < 0 || !bytes.HasPrefix(entry[semi:], []byte(";dur=")) {
			continue
		}
		for i, name := range sample.StageNames {
			if string(entry[:semi]) == name {
				a.stages[i] = micros(entry[semi+len(";dur="):])
			}
		}
	}
}

// micros reads milliseconds with decimals as microseconds; what is too much or no number is cut.
func micros(text []byte) uint32 {
	n, decimals := uint64(0), -1
	for _, c := range text {
		if c == '.' && decimals < 0 {
			decimals = 0
			continue
		}
		if c < '0' || c > '9' || decimals == 3 {
			break
		}
		if n = 10*n + uint64(c-'0'); n > 1<<40 {
			break
		}
		if decimals >= 0 {
			decimals++
		}
	}
	for decimals = max(decimals, 0); decimals < 3; decimals++ {
		n *= 10
	}
	return uint32(min(n, 1<<32-1))
}

// dechunk joins the chunks of a body in place. used is 0 while the last is missing.
func dechunk(b []byte) (body []byte, used int, malformed bool) {
	// The first pass looks whether all is there, and moves nothing: it may be tried again.
	at := 0
	for {
		size, head, ok := chunk(b[at:])
		if !ok {
			return nil, 0, head < 0
		}
		if size == 0 {
			end := trailer(b[at+head:])
			if end < 0 {
				return nil, 0, false
			}
			used = at + head + end
			break
		}
		at += head + size + 2
		if at > len(b) {
			return nil, 0, false
		}
	}
	to := 0
	for at = 0; ; {
		size, head, _ := chunk(b[at:])
		if size == 0 {
			return b[:to], used, false
		}
		to += copy(b[to:], b[at+head:at+head+size])
		at += head + size + 2
	}
}

// chunk reads the line before a chunk: its size and the line's length. head is -1 if it is none.
func chunk(b []byte) (size, head int, ok bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if len(b) > 1<<10 {
			return 0, -1, false
		}
		return 0, 0, false
	}
	digits := 0
	for _, c := range b[:end] {
		var d int
		switch {
		case c >= '0' && c <= '9':
			d = int(c - '0')
		case c >= 'a' && c <= 'f':
			d = int(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = int(c-'A') + 10
		default:
			d = -1
		}
		if d < 0 {
			break
		}
		size = size<<4 | d
		if digits++; digits > 8 {
			return 0, -1, false
		}
	}
	if digits == 0 {
		return 0, -1, false
	}
	return size, end + 1, true
}

// trailer returns the length of the fields after the last chunk with the empty line that ends
// them; -1 while it is not there.
func trailer(b []byte) int {
	at := 0
	for {
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 {
			return -1
		}
		line := bytes.TrimRight(b[at:at+end], "\r")
		at += end + 1
		if len(line) == 0 {
			return at
		}
	}
}
