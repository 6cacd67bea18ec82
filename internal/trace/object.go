package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// fields walks a line that is one flat JSON object. It takes what a trace holds (strings,
// numbers, true and false, lists of whole numbers) and nothing else. encoding/json would match keys
// whatever their case, take the last of two equal keys and cost five times as much.
type fields struct {
	rest  []byte
	begun bool
}

func (f *fields) space() {
	f.rest = bytes.TrimLeft(f.rest, " \t\r")
}

func (f *fields) take(c byte) bool {
	f.space()
	if len(f.rest) > 0 && f.rest[0] == c {
		f.rest = f.rest[1:]
		return true
	}
	return false
}

// next returns the next key; false at the object's end.
func (f *fields) next() (key string, ok bool, err error) {
	if !f.begun {
		f.begun = true
		if !f.take('{') {
			return "", false, errors.New("not a JSON object")
		}
		if f.take('}') {
			return "", false, f.end()
		}
	} else if f.take('}') {
		return "", false, f.end()
	} else if !f.take(',') {
		return "", false, f.unexpected("a comma or the object's end")
	}
	if key, err = f.text(); err != nil {
		return "", false, err
	}
	if !f.take(':') {
		return "", false, f.unexpected("a colon after " + strconv.Quote(key))
	}
	return key, true, nil
}

// each calls read for each key, none of which comes twice.
func (f *fields) each(read func(key string) error) error {
	var seen []string
	for {
		key, ok, err := f.next()
		if err != nil || !ok {
			return err
		}
		if slices.Contains(seen, key) {
			return fmt.Errorf("the key %q comes twice", key)
		}
		seen = append(seen, key)
		if err := read(key); err != nil {
			return err
		}
	}
}

func unknownKey(key string) error { return fmt.Errorf("there is no key %.40q", key) }

func (f *fields) end() error {
	if f.space(); len(f.rest) > 0 {
		return f.unexpected("the line's end")
	}
	return nil
}

func (f *fields) unexpected(want string) error {
	got := f.rest
	if len(got) == 0 {
		return fmt.Errorf("the line ends where %s should be", want)
	}
	return fmt.Errorf("%q is where %s should be", got[:min(len(got), 20)], want)
}

// text reads a string.
func (f *fields) text() (string, error) {
	if f.space(); len(f.rest) == 0 || f.rest[0] != '"' {
		return "", f.unexpected("a string")
	}
	plain := true
	for i := 1; i < len(f.rest); i++ {
		switch c := f.rest[i]; {
		case c == '"':
			quoted := f.rest[:i+1]
			f.rest = f.rest[i+1:]
			if plain {
				return string(quoted[1:i]), nil
			}
			var s string
			if !utf8.Valid(quoted) || json.Unmarshal(quoted, &s) != nil {
				return "", fmt.Errorf("%.40q is not a string", quoted)
			}
			return s, nil
		case c == '\\':
			plain = false
			i++
		case c < ' ' || c >= utf8.RuneSelf:
			plain = false
		}
	}
	return "", errors.New("a string does not end on its line")
}

// number returns a number's text.
func (f *fields) number() ([]byte, error) {
	f.space()
	n := 0
	for n < len(f.rest) && (f.rest[n] >= '0' && f.rest[n] <= '9' || bytes.IndexByte([]byte("+-.eE"), f.rest[n]) >= 0) {
		n++
	}
	if n == 0 || !json.Valid(f.rest[:n]) {
		return nil, f.unexpected("a number")
	}
	text := f.rest[:n]
	f.rest = f.rest[n:]
	return text, nil
}

func (f *fields) whole() (int64, error) {
	text, err := f.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40s is not a whole number in range", text)
	}
	return n, nil
}

// seconds reads a duration in seconds, to the nanosecond.
func (f *fields) seconds() (time.Duration, error) {
	text, err := f.number()
	if err != nil {
		return 0, err
	}
	s, err := strconv.ParseFloat(string(text), 64)
	if err != nil || s < 0 || s > MaxTime.Seconds() {
		return 0, fmt.Errorf("%.40s s is not between 0 and %v", text, MaxTime)
	}
	whole := time.Duration(s)
	return whole*time.Second + time.Duration((s-float64(whole))*1e9+0.5), nil
}

// truth reads true or false.
func (f *fields) truth() (bool, error) {
	f.space()
	for _, word := range []string{"true", "false"} {
		if rest, ok := bytes.CutPrefix(f.rest, []byte(word)); ok {
			f.rest = rest
			return word == "true", nil
		}
	}
	return false, f.unexpected("true or false")
}

// list reads a list of whole numbers into out's memory.
func (f *fields) list(out []int64) ([]int64, error) {
	if !f.take('[') {
		return nil, f.unexpected("a list")
	}
	out = out[:0]
	if f.take(']') {
		return out, nil
	}
	for {
		n, err := f.whole()
		if err != nil {
			return nil, err
		}
		if out = append(out, n); len(out) > MaxShape {
			return nil, fmt.Errorf("a list of more than %d numbers", MaxShape)
		}
		switch {
		case f.take(']'):
			return out, nil
		case !f.take(','):
			return nil, f.unexpected("a comma or the list's end")
		}
	}
}
