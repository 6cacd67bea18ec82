package jsonscan

import "sluice/internal/fault"

// frame is an open array or object of a value that is skipped.
type frame struct {
	object bool
	keys   int // where its keys begin
}

// Skip reads one value of any kind and checks that it is well-formed.
func (s *Scanner) Skip() error {
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

// Refuse reports a value that is not what belongs at its place, unless the value is
// not even JSON.
func (s *Scanner) Refuse(kind fault.Kind, format string, args ...any) error {
	if err := s.Skip(); err != nil {
		return err
	}
	return fault.Newf(kind, format, args...)
}

// skipToken reads a scalar, or the bracket that opens an array or object.
func (s *Scanner) skipToken() (opened bool, err error) {
	switch c := s.Peek(); c {
	case '{', '[':
		s.frames = append(s.frames, frame{c == '{', len(s.keys)})
		return true, s.Open()
	case '"':
		_, _, err = s.Text()
		return false, err
	case 't':
		return false, s.Expect("true")
	case 'f':
		return false, s.Expect("false")
	case 'n':
		return false, s.Expect("null")
	default:
		return false, s.skipNumber()
	}
}

// skipSeparators reads up to the next value of the innermost open array or object,
// closing those that end; done when the outermost one has ended.
func (s *Scanner) skipSeparators(base int, first bool) (done bool, err error) {
	for len(s.frames) > base {
		top := s.frames[len(s.frames)-1]
		ok := false
		if top.object {
			var key []byte
			if key, ok, err = s.member(first); ok {
				s.note(key)
			}
		} else {
			ok, err = s.More(first, ']')
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

// Expect is literal for a word without which the document is malformed.
func (s *Scanner) Expect(word string) error {
	if s.literal(word) {
		return nil
	}
	return s.unexpected()
}

// skipNumber reads a number, or one of the tokens for what JSON cannot write.
func (s *Scanner) skipNumber() error {
	if _, n := NonFinite(s.Data[s.Pos:]); n > 0 {
		s.Pos += n
		return nil
	}
	_, end := ScanNumber(s.Data, s.Pos)
	if end < 0 {
		return s.unexpected()
	}
	s.Pos = end
	return nil
}
