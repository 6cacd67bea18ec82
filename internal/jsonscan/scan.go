package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"sluice/internal/fault"
)

// Scanner reads JSON from left to right. Its methods leave Pos behind what they
// read; after an error the position is meaningless. A caller that reads a value
// itself, out of Data, moves Pos, too; one that goes back also sets Depth, the number
// of arrays and objects that are open at Pos.
type Scanner struct {
	Data  []byte
	Pos   int
	Depth int

	document Document
	keys     []seenKey // of the objects that are open, innermost last
	frames   []frame   // of the value being skipped
	key      []byte    // last key that held escapes, without them
}

// Document says what is read.
type Document struct {
	// Name is what errors call it: "failed to parse the NAME JSON buffer".
	Name string
	// MaxDepth is the deepest nesting, the outermost array or object being 1.
	MaxDepth int
	// DepthSetting names the setting that moves MaxDepth; empty if none does.
	DepthSetting string
}

// Start begins a document.
func (s *Scanner) Start(data []byte, d Document) {
	s.Data, s.Pos, s.Depth, s.document = data, 0, 0, d
	s.keys, s.frames = s.keys[:0], s.frames[:0]
}

// Stop drops the document, so that a pooled scanner does not hold on to it.
func (s *Scanner) Stop() {
	s.Data = nil
	clear(s.keys)
	if s.key = s.key[:0]; cap(s.key) > maxKeptKey {
		s.key = nil
	}
	if cap(s.keys) > maxKeptKeys {
		s.keys = nil
	}
}

// What an idle scanner has room for: the bytes of one key, and the number of keys.
const maxKeptKey, maxKeptKeys = 1 << 20, 1 << 12

// Peek skips white space and returns the byte there without reading it; 0 at the end
// of the document (a NUL byte is no token, so the two need no telling apart).
func (s *Scanner) Peek() byte {
	for s.Pos < len(s.Data) {
		c := s.Data[s.Pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.Pos++
	}
	return 0
}

// End checks that nothing but white space is left.
func (s *Scanner) End() error {
	if s.Peek() == 0 && s.Pos == len(s.Data) {
		return nil
	}
	return s.malformed("more data after the end of the document")
}

// Open reads the bracket that begins an array or object.
func (s *Scanner) Open() error {
	s.Pos++
	s.Depth++
	if s.Depth > s.document.MaxDepth {
		return s.tooDeep()
	}
	return nil
}

func (s *Scanner) tooDeep() error {
	setting := ""
	if s.document.DepthSetting != "" {
		setting = " of " + s.document.DepthSetting
	}
	return fault.Newf(fault.JSONTooDeep, "JSON nesting depth exceeds maximum allowed limit (%d)%s", s.document.MaxDepth, setting)
}

// More reads what separates the members of an array or object, up to the next
// member or through the closing bracket, and reports whether there is a member.
func (s *Scanner) More(first bool, closing byte) (bool, error) {
	c := s.Peek()
	if c == closing {
		s.Pos++
		s.Depth--
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, s.unexpected()
	}
	s.Pos++
	if s.Peek() == closing {
		return false, s.unexpected()
	}
	return true, nil
}

// member is More for objects: it also reads the key and the colon. The key is valid
// until the next call.
func (s *Scanner) member(first bool) (key []byte, ok bool, err error) {
	if ok, err = s.More(first, '}'); !ok || err != nil {
		return nil, false, err
	}
	if s.Peek() != '"' {
		return nil, false, s.unexpected()
	}
	key, escaped, err := s.Text()
	if err == nil && escaped { // Content's way, without its call for each key
		s.key, err = unescape(s.key[:0], key)
		key = s.key
	}
	if err != nil {
		return nil, false, err
	}
	if s.Peek() != ':' {
		return nil, false, s.unexpected()
	}
	s.Pos++
	return key, true, nil
}

// Content reads a string, whose opening quote is next. What it returns is without escapes: a part of the
// document, or else in scratch, which is returned grown.
func (s *Scanner) Content(scratch []byte) (content, grown []byte, err error) {
	raw, escaped, err := s.Text()
	if err != nil || !escaped {
		return raw, scratch[:0], err
	}
	scratch, err = unescape(scratch[:0], raw)
	return scratch, scratch, err
}

// AppendText reads a string, as Content does, and appends it.
func (s *Scanner) AppendText(dst []byte) ([]byte, error) {
	raw, escaped, err := s.Text()
	if err != nil || !escaped {
		return append(dst, raw...), err
	}
	return unescape(dst, raw)
}

// Text reads a string, whose opening quote is next, and returns what is between the
// quotes: valid UTF-8, escapes still in it.
func (s *Scanner) Text() (raw []byte, escaped bool, err error) {
	data := s.Data
	from := s.Pos + 1
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
			s.Pos = i + 1
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
				s.Pos = i
				return nil, false, s.malformed("invalid escape in a string")
			}
			i += n
		default:
			s.Pos = i
			return nil, false, s.malformed("control character in a string")
		}
	}
	s.Pos = i
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
func (s *Scanner) literal(word string) bool {
	if !Begins(s.Data[s.Pos:], word) {
		return false
	}
	s.Pos += len(word)
	return true
}

// Bool reads true or false; ok is false where neither is next.
func (s *Scanner) Bool() (v, ok bool) {
	v = s.literal("true")
	return v, v || s.literal("false")
}

// unexpected is the fault of a byte, or of the document's end, where something else belongs.
func (s *Scanner) unexpected() error {
	if s.Pos >= len(s.Data) {
		return s.malformed("the document ends early")
	}
	return fault.Newf(fault.InvalidJSON, "failed to parse the %s JSON buffer: unexpected %q at byte %d", s.document.Name, s.Data[s.Pos], s.Pos)
}

func (s *Scanner) malformed(what string) error {
	return fault.Newf(fault.InvalidJSON, "failed to parse the %s JSON buffer: %s at byte %d", s.document.Name, what, s.Pos)
}

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
