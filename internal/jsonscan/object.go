package jsonscan

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"sluice/internal/fault"
)

// Object walks the members of an object. Whoever walks it reads the value of each member:
//
//	o := s.Object(names)
//	for o.Next() {
//		switch o.Bit {
//		case keyName:
//			o.Err = readName(s)
//		default:
//			o.Err = s.Skip()
//		}
//	}
//	return o.Err
type Object struct {
	// Key is the member's key; it is valid until the next string is read.
	Key []byte
	// Bit stands for Key; 0 if the object's names do not have it. Seen has the bits so far.
	Bit, Seen uint8
	// Err is what went wrong. The walk ends with it.
	Err error

	s     *Scanner
	names Names
	mark  int // where the object's noted keys begin
	guess int // which of the names comes next, as most senders have the order of a document's fields
	later bool
}

// Names are the keys that a caller knows, eight at most and none of them empty. The bit of each is 1
// shifted by its index.
type Names []string

func (n Names) bit(key []byte) uint8 {
	for i, name := range n {
		// Length and first byte tell most of them apart; to compare the rest is a call.
		if len(name) == len(key) && name[0] == key[0] && string(key) == name {
			return 1 << i
		}
	}
	return 0
}

// Object begins to walk the object whose bracket is next.
func (s *Scanner) Object(names Names) Object {
	return Object{Err: s.Open(), s: s, names: names, mark: len(s.keys)}
}

// Next goes on to the next member's value; false at the object's end, or after an error. No key
// comes twice.
func (o *Object) Next() bool {
	if o.Err == nil && o.known() {
		return true
	}
	if !o.Member() {
		return false
	}
	o.Bit = o.names.bit(o.Key)
	switch {
	case o.Bit == 0:
		o.s.note(o.Key)
	case o.Seen&o.Bit != 0:
		o.Err = Duplicate(o.Key)
		return false
	}
	o.Seen |= o.Bit
	return true
}

// known reads a key that is one of the names, written as most senders do: without escapes, with a space at most
// before it and none before its colon. It reports false, and has read nothing, for any other, and for one
// that comes twice.
func (o *Object) known() bool {
	rest := o.s.Data[o.s.Pos:]
	at := 0
	if o.later {
		if len(rest) < 2 || rest[0] != ',' {
			return false
		}
		at = 1
	}
	if at < len(rest) && rest[at] == ' ' {
		at++
	}
	if at >= len(rest) || rest[at] != '"' {
		return false
	}
	at++
	i := o.names.quoted(rest[at:], o.guess)
	if i < 0 || o.Seen&(1<<i) != 0 {
		return false
	}
	end := at + len(o.names[i])
	o.Key, o.Bit, o.later, o.guess = rest[at:end], 1<<i, true, i+1
	o.Seen |= o.Bit
	o.s.Pos += end + len(`":`)
	return true
}

// quoted is the index of the name that the text begins with, a quote and a colon behind it; -1 if there is
// none. It tries the guess first.
func (n Names) quoted(text []byte, guess int) int {
	if guess < len(n) && quotes(text, n[guess]) {
		return guess
	}
	for i, name := range n {
		if quotes(text, name) {
			return i
		}
	}
	return -1
}

func quotes(text []byte, name string) bool {
	n := len(name)
	return n+1 < len(text) && text[n] == '"' && text[n+1] == ':' && string(text[:n]) == name
}

// Member is Next for a caller that tells by itself which keys come twice.
func (o *Object) Member() bool {
	if o.Err != nil {
		return false
	}
	var ok bool
	if o.Key, ok, o.Err = o.s.member(!o.later); ok {
		o.later = true
		return true
	}
	if o.Err == nil {
		o.Err = o.s.distinct(o.mark)
	}
	return false
}

// Array walks the elements of an array, as Object does members.
type Array struct {
	// Index is the place of the element that is next.
	Index int
	// Err is what went wrong. The walk ends with it.
	Err error

	s *Scanner
}

// Array begins to walk the array whose bracket is next.
func (s *Scanner) Array() Array { return Array{Index: -1, Err: s.Open(), s: s} }

// Next goes on to the next element; false at the array's end, or after an error.
func (a *Array) Next() bool {
	if a.Err != nil {
		return false
	}
	var ok bool
	if ok, a.Err = a.s.More(a.Index < 0, ']'); !ok {
		return false
	}
	a.Index++
	return true
}

// seenKey is a key of an open object. Keys are told apart by 64 bits of a seeded
// hash, so that no sender can make an object whose check is slow.
type seenKey struct {
	hash uint64
	text []byte // as sent, escapes in it
}

var keySeed = maphash.MakeSeed()

// note remembers a key of an object for distinct.
func (s *Scanner) note(key []byte) {
	// An unescaped key lives in scratch that the next one overwrites.
	if len(s.key) > 0 && len(key) > 0 && &key[0] == &s.key[0] {
		key = bytes.Clone(key)
	}
	s.keys = append(s.keys, seenKey{maphash.Bytes(keySeed, key), key})
}

// distinct ends an object whose keys were noted from mark on, and refuses
// duplicates among them.
func (s *Scanner) distinct(mark int) error {
	keys := s.keys[mark:]
	if len(keys) > 1 {
		slices.SortFunc(keys, func(a, b seenKey) int { return cmp.Compare(a.hash, b.hash) })
		for i := 1; i < len(keys); i++ {
			if keys[i].hash == keys[i-1].hash {
				return Duplicate(keys[i].text)
			}
		}
	}
	clear(keys)
	s.keys = s.keys[:mark]
	return nil
}

// Duplicate is the fault of a key that comes twice.
func Duplicate(key []byte) error {
	return fault.Newf(fault.DuplicateField, "key '%s' is there twice in one object", fault.Shown(key))
}
