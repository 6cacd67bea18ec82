package oip

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"sluice/internal/fault"
)

// seenKey is a key of an open object. Keys are told apart by 64 bits of a seeded
// hash, so that no sender can make an object whose check is slow.
type seenKey struct {
	hash uint64
	text []byte // as sent, escapes in it
}

var keySeed = maphash.MakeSeed()

// frame is an open array or object of a value that is skipped.
type frame struct {
	object bool
	keys   int // where its keys begin
}

// note remembers a key of an object for distinct.
func (s *scanner) note(key []byte) {
	// An unescaped key lives in scratch that the next one overwrites.
	if len(s.key) > 0 && len(key) > 0 && &key[0] == &s.key[0] {
		key = bytes.Clone(key)
	}
	s.keys = append(s.keys, seenKey{maphash.Bytes(keySeed, key), key})
}

// distinct ends an object whose keys were noted from mark on, and refuses
// duplicates among them.
func (s *scanner) distinct(mark int) error {
	keys := s.keys[mark:]
	if len(keys) > 1 {
		slices.SortFunc(keys, func(a, b seenKey) int { return cmp.Compare(a.hash, b.hash) })
		for i := 1; i < len(keys); i++ {
			if keys[i].hash == keys[i-1].hash {
				return duplicate(keys[i].text)
			}
		}
	}
	clear(keys)
	s.keys = s.keys[:mark]
	return nil
}

func duplicate(key []byte) error {
	return fault.Newf(fault.DuplicateField, "key '%s' is there twice in one object", shown(key))
}

// skip reads one value of any kind and checks that it is well-formed.
func (s *scanner) skip() error {
	base := len(s.frames)
	for {
		opened, err := s.skipToken()
		if err != nil {
			return err
		}
		if !opened && len(s.frames) == base {
			return nil
		}
		done, err := s.skipSeparators(base, opened)
		if done || err != nil {
			return err
		}
	}
}

// refuse reports a value that is not what belongs at its place, unless the value is
// not even JSON.
func (s *scanner) refuse(kind fault.Kind, format string, args ...any) error {
	if err := s.skip(); err != nil {
		return err
	}
	return fault.Newf(kind, format, args...)
}

// skipToken reads a scalar, or the bracket that opens an array or object.
func (s *scanner) skipToken() (opened bool, err error) {
	switch c := s.next(); c {
	case '{', '[':
		s.frames = append(s.frames, frame{c == '{', len(s.keys)})
		return true, s.open()
	case '"':
		_, _, err = s.str()
		return false, err
	case 't':
		return false, s.mustLiteral("true")
	case 'f':
		return false, s.mustLiteral("false")
	case 'n':
		return false, s.mustLiteral("null")
	default:
		return false, s.skipNumber()
	}
}

// skipSeparators reads up to the next value of the innermost open array or object,
// closing those that end; done when the outermost one has ended.
func (s *scanner) skipSeparators(base int, first bool) (done bool, err error) {
	for len(s.frames) > base {
		top := s.frames[len(s.frames)-1]
		ok := false
		if top.object {
			var key []byte
			if key, ok, err = s.member(first); ok {
				s.note(key)
			}
		} else {
			ok, err = s.more(first, ']')
		}
		if ok || err != nil {
			return false, err
		}
		if err := s.distinct(top.keys); err != nil {
			return false, err
		}
		s.frames = s.frames[:len(s.frames)-1]
		first = false
	}
	return true, nil
}

func (s *scanner) mustLiteral(word string) error {
	if s.literal(word) {
		return nil
	}
	return s.unexpected()
}

// skipNumber reads a number, or one of the tokens for what JSON cannot write.
func (s *scanner) skipNumber() error {
	if _, n := nonFinite(s.data[s.pos:]); n > 0 {
		s.pos += n
		return nil
	}
	_, _, _, end := scanNumber(s.data, s.pos)
	if end < 0 {
		return s.unexpected()
	}
	s.pos = end
	return nil
}
