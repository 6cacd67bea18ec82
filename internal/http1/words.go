package http1

import "bytes"

// HasClose reports whether close is in a list of connection options, which have no case (RFC 9110,
// 7.6.1).
func HasClose(options []byte) bool {
	for len(options) > 0 {
		var option []byte
		option, options, _ = bytes.Cut(options, []byte(","))
		if FoldEqual(TrimBlank(option), "close") {
			return true
		}
	}
	return false
}

// FoldEqual compares with a lower-case ASCII word, without regard to case.
func FoldEqual(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// TrimBlank cuts spaces and tabs off both ends.
func TrimBlank(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// IsDigit reports whether b is a decimal digit.
func IsDigit(b byte) bool { return '0' <= b && b <= '9' }

// Decimal reads a whole number of 1 to 18 digits and nothing else.
func Decimal(text []byte) (n int64, ok bool) {
	if len(text) == 0 || len(text) > maxDigits {
		return 0, false
	}
	for _, b := range text {
		if !IsDigit(b) {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}

// maxDigits cannot overflow an int64.
const maxDigits = 18

// IsToken reports whether text consists of the bytes of an HTTP token alone.
func IsToken(text []byte) bool {
	for _, b := range text {
		if !isToken[b] {
			return false
		}
	}
	return true
}

// isToken marks the bytes of an HTTP token.
var isToken = func() (t [256]bool) {
	for b := '0'; b <= '9'; b++ {
		t[b] = true
	}
	for b := 'a'; b <= 'z'; b++ {
		t[b], t[b-'a'+'A'] = true, true
	}
	for _, b := range "!#$%&'*+-.^_`|~" {
		t[b] = true
	}
	return t
}()
