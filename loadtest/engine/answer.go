package engine

import (
	"bytes"

	"sluice/internal/http1"
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

// mostHead is the longest head that is read.
const mostHead = 64 << 10

// read looks for a whole answer at the start of buf; ended says that nothing follows.
func (a *answer) read(buf []byte, ended bool) {
	end := bytes.Index(buf, http1.HeadEnd)
	if end < 0 {
		a.malformed = len(buf) > mostHead || !http1.Begins(buf)
		return
	}
	a.head = buf[:end+2]
	var f http1.Answer
	if a.malformed = !a.fields(&f); a.malformed {
		return
	}
	a.status, a.close = f.Status, f.Close
	begin := end + len(http1.HeadEnd)
	rest := buf[begin:]
	switch {
	case f.Bodiless():
		a.whole, a.total = true, begin
	case f.Chunked:
		var used int
		if a.body, used, a.malformed = dechunk(rest); used > 0 {
			a.whole, a.total = true, begin+used
		}
	case f.Length >= 0:
		if int64(len(rest)) >= f.Length {
			a.whole, a.total, a.body = true, begin+int(f.Length), rest[:f.Length]
		}
	case ended: // the end of the connection is the end of the answer
		a.whole, a.total, a.body, a.close = true, len(buf), rest, true
	}
}

// fields reads the status line and the fields that matter; the length rules out the others.
func (a *answer) fields(f *http1.Answer) bool {
	rest, ok := f.ReadStatus(a.head)
	for ok && len(rest) > 0 {
		var line, name, value []byte
		line, rest, _ = http1.CutLine(rest)
		if name, value, ok = http1.CutField(line); !ok {
			return false
		}
		switch len(name) {
		case len("server-timing"):
			if http1.FoldEqual(name, "server-timing") {
				a.timing(value)
			} else if http1.FoldEqual(name, "sluice-device") {
				a.device = value
			}
		case len("sluice-batch"):
			if http1.FoldEqual(name, "sluice-batch") {
				n, _ := http1.Decimal(value)
				a.batch = uint16(min(n, 1<<16-1))
			}
		default:
			ok = f.ReadField(name, value)
		}
	}
	return ok
}

// timing reads "name;dur=1.234, name;dur=5": milliseconds.
func (a *answer) timing(value []byte) {
	for len(value) > 0 {
		var entry []byte
		entry, value, _ = bytes.Cut(value, []byte{','})
		name, duration, ok := bytes.Cut(bytes.TrimLeft(entry, " "), []byte(";dur="))
		for i, stage := range sample.StageNames {
			if ok && string(name) == stage {
				a.stages[i] = micros(duration)
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
	if _, used, malformed = chunks(b, false); used > 0 {
		body, _, _ = chunks(b, true)
	}
	return body, used, malformed
}

// chunks reads a body's chunks, and joins them at the start of b if it shall.
func chunks(b []byte, join bool) (body []byte, used int, malformed bool) {
	c := http1.Chunks{Answer: true}
	for !c.Done() {
		data, n, why := c.Next(b[used:])
		if why != http1.None || n == 0 {
			return nil, 0, why != http1.None
		}
		used += n
		if join {
			body = append(b[:len(body)], data...)
		}
	}
	return body, used, false
}
