package oip

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"sluice/internal/fault"
)

// scanner reads JSON from left to right. Its methods leave pos behind what they
// read; after an error the position is meaningless.
type scanner struct {
	data     []byte
	pos      int
	depth    int
	maxDepth int
	keys     []seenKey // of the objects that are open, innermost last
	frames   []frame   // of the value being skipped
	key      []byte    // last key that held escapes, without them
	source   source    // what the document is, for errors
	lists    lists     // of the tensor being read
}

// start begins a document.
func (s *scanner) start(data []byte, maxDepth int) {
	s.data, s.pos, s.depth, s.maxDepth = data, 0, 0, maxDepth
	s.keys, s.frames = s.keys[:0], s.frames[:0]
}

// stop drops the document, so that a pooled scanner does not hold on to it.
func (s *scanner) stop() {
	s.data = nil
	clear(s.keys)
	s.key = trim(s.key)
	if cap(s.keys) > maxKeptKeys {
		s.keys = nil
	}
}

// maxKeptKeys bounds the keys that an idle scanner has room for.
const maxKeptKeys = 1 << 12

// next skips white space and returns the byte there without reading it; 0 at the end
// of the document (a NUL byte is no token, so the two need no telling apart).
func (s *scanner) next() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}

// end checks that nothing but white space is left.
func (s *scanner) end() error {
	if s.next() == 0 && s.pos == len(s.data) {
		return nil
	}
	return s.malformed("more data after the end of the document")
}

// open reads the bracket that begins an array or object.
func (s *scanner) open() error {
	s.pos++
	s.depth++
	if s.depth > s.maxDepth {
		setting := ""
		if s.source == fromRequest {
			setting = " of limits.max_json_depth"
		}
		return fault.Newf(fault.JSONTooDeep, "JSON nesting depth exceeds maximum allowed limit (%d)%s", s.maxDepth, setting)
	}
	return nil
}

// more reads what separates the members of an array or object, up to the next
// member or through the closing bracket, and reports whether there is a member.
func (s *scanner) more(first bool, closing byte) (bool, error) {
	c := s.next()
	if c == closing {
		s.pos++
		s.depth--
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, s.unexpected()
	}
	s.pos++
	if s.next() == closing {
		return false, s.unexpected()
	}
	return true, nil
}

// member is more for objects: it also reads the key and the colon. The key is valid
// until the next call.
func (s *scanner) member(first bool) (key []byte, ok bool, err error) {
	if ok, err = s.more(first, '}'); !ok || err != nil {
		return nil, false, err
	}
	if s.next() != '"' {
		return nil, false, s.unexpected()
	}
	raw, escaped, err := s.str()
	if err != nil {
		return nil, false, err
	}
	if escaped {
		if s.key, err = unescape(s.key[:0], raw); err != nil {
			return nil, false, err
		}
		raw = s.key
	}
	if s.next() != ':' {
		return nil, false, s.unexpected()
	}
	s.pos++
	return raw, true, nil
}

// str reads a string, whose opening quote is next, and returns what is between the
// quotes: valid UTF-8, escapes still in it.
func (s *scanner) str() (raw []byte, escaped bool, err error) {
	data := s.data
	from := s.pos + 1
	i, ascii := from, true
	for i < len(data) {
		if len(data)-i >= 8 {
			n := plainPrefix(binary.LittleEndian.Uint64(data[i:]))
			if i += n; n == 8 {
				continue
			}
		}
		switch class[data[i]] {
		case plain:
			i++
		case quote:
			s.pos = i + 1
			raw = data[from:i]
			if !ascii && !utf8.Valid(raw) {
				return nil, false, fault.Newf(fault.InvalidUTF8, "string at byte %d is not valid UTF-8", from-1)
			}
			return raw, escaped, nil
		case high:
			ascii = false
			i++
		case slash:
			escaped = true
			n := escapeLen(data[i:])
			if n == 0 {
				s.pos = i
				return nil, false, s.malformed("invalid escape in a string")
			}
			i += n
		default:
			s.pos = i
			return nil, false, s.malformed("control character in a string")
		}
	}
	s.pos = i
	return nil, false, s.unexpected()
}

// plainPrefix counts the bytes that mean nothing special inside a string, in memory
// order: the classic search for a zero byte, for each special one. Its borrows can
// only reach bytes behind the first that is found.
func plainPrefix(text uint64) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quotes, slashes := text^'"'*ones, text^'\\'*ones
	special := (text | (text-0x20*ones)&^text | (quotes-ones)&^quotes | (slashes-ones)&^slashes) & tops
	return bits.TrailingZeros64(special) >> 3
}

// literal reads one of true, false and null, if it is next.
func (s *scanner) literal(word string) bool {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

func (s *scanner) unexpected() error {
	if s.pos >= len(s.data) {
		return s.malformed("the document ends early")
	}
	return fault.Newf(fault.InvalidJSON, "failed to parse the %s JSON buffer: unexpected %q at byte %d", s.document(), s.data[s.pos], s.pos)
}

func (s *scanner) malformed(what string) error {
	return fault.Newf(fault.InvalidJSON, "failed to parse the %s JSON buffer: %s at byte %d", s.document(), what, s.pos)
}

// source is where a document comes from.
type source uint8

const (
	fromRequest source = iota
	fromAnswer
	fromFile
)

// document and noun say in errors what is being read, and what its tensors are.
func (s *scanner) document() string { return [...]string{"request", "response", "file's"}[s.source] }

func (s *scanner) noun() string { return [...]string{"input", "output", "tensor"}[s.source] }

// Classes of bytes inside a string.
const (
	plain = iota
	quote
	slash
	high
	control
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c < 0x20:
			t[c] = control
		case c >= 0x80:
			t[c] = high
		}
	}
	t['"'], t['\\'] = quote, slash
	return t
}()
