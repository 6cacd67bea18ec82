package oip

import (
	"bytes"
	"time"

	"sluice/internal/jsonscan"
)

// PeekTimeout finds the "timeout" parameter of an infer request that has not been decoded, in the
// first few KiB of its JSON. known says that the whole request would give that budget, which is 0 where
// it has no timeout; else it may or may not have one. It takes as long as a copy of what it
// reads, allocates nothing, and trusts only what it has read from the JSON's beginning on.
//
// What it says holds of requests that decode. It does not find out that one does not.
func PeekTimeout(json []byte) (timeout time.Duration, known bool) {
	p := peeker{data: json[:min(len(json), peekWithin)]}
	if !p.member("parameters") {
		return 0, p.closed
	}
	if p.next() == 'n' { // null, as if they were left out
		return 0, true
	}
	if !p.member("timeout") {
		return 0, p.closed
	}
	p.next()
	word := p.word()
	n, end := jsonscan.ScanNumber(word, 0)
	micros, ok := n.Uint64(64, word)
	if end < 0 || end != len(word) || !ok {
		return 0, false
	}
	return budget(micros), true
}

// MayHaveTimeout reports whether an infer request can have a "timeout" parameter, from all of its
// JSON: no request without the word has one. It is a search, a fraction of the time of decoding.
func MayHaveTimeout(json []byte) bool {
	return bytes.Contains(json, []byte(`"timeout"`)) || bytes.Contains(json, []byte(`\u00`))
}

// peeker reads JSON that may end anywhere. It takes all that looks like JSON, and once it has met
// what does not, or the end, it reads nothing more.
type peeker struct {
	data   []byte
	pos    int
	failed bool
	closed bool // the object whose key was asked for last has ended
}

func (p *peeker) fail() { p.failed, p.pos = true, len(p.data) }

// next is the next byte that is no white space; 0 at the end.
func (p *peeker) next() byte {
	for ; p.pos < len(p.data); p.pos++ {
		if c := p.data[p.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	p.failed = true
	return 0
}

func (p *peeker) take(c byte) bool {
	if p.next() != c {
		p.fail()
		return false
	}
	p.pos++
	return true
}

// member goes to the value of a key of the object that is next; false where the object ends without it, or
// cannot be read that far.
func (p *peeker) member(name string) bool {
	if !p.take('{') {
		return false
	}
	for first := true; ; first = false {
		key, ok := p.key(first)
		if !ok || string(key) == name {
			return ok
		}
		p.skip()
	}
}

// key reads an object's next key and the colon; not ok at the object's end or where it cannot
// be read, which an escape in the key is too: it may be any key.
func (p *peeker) key(first bool) (key []byte, ok bool) {
	if p.closed = p.next() == '}'; p.closed {
		p.pos++
		return nil, false
	}
	if !first && !p.take(',') || p.next() != '"' {
		return nil, false
	}
	key = p.text()
	if bytes.IndexByte(key, '\\') >= 0 || !p.take(':') {
		return nil, false
	}
	return key, true
}

// text reads a string, escapes in it.
func (p *peeker) text() []byte {
	from := p.pos + 1
	for i := from; i < len(p.data); i++ {
		switch p.data[i] {
		case '\\':
			i++
		case '"':
			p.pos = i + 1
			return p.data[from:i]
		}
	}
	p.fail()
	return nil
}

// skip reads a value: to the end of the string, or of the list or object that begins here, or to
// what follows a word or a number.
func (p *peeker) skip() {
	for depth := 0; ; {
		switch c := p.next(); c {
		case 0:
			return
		case '"':
			p.text()
		case '[', '{':
			depth++
			p.pos++
		case ']', '}', ',', ':':
			if depth == 0 {
				p.fail()
				return
			}
			if c == ']' || c == '}' {
				depth--
			}
			p.pos++
		default:
			p.word()
		}
		if depth == 0 {
			return
		}
	}
}

// word passes a number, true, false, null or the like.
func (p *peeker) word() []byte {
	from := p.pos
	for ; p.pos < len(p.data); p.pos++ {
		switch p.data[p.pos] {
		case ',', ']', '}', ':', '"', '[', '{', ' ', '\n', '\t', '\r':
			return p.data[from:p.pos]
		}
	}
	p.failed = true
	return nil
}
