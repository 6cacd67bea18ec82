package verify

import (
	"bytes"
)

// headerValue finds a header in the raw head of an answer; nil if it is not there. name has
// no colon and may be written in any case.
func headerValue(head []byte, name string) []byte {
	line := headerLine(head, name)
	if line == nil {
		return nil
	}
	return bytes.TrimSpace(line[len(name)+1:])
}

// headerLine is the whole line of a header, without its end.
func headerLine(head []byte, name string) []byte {
	for len(head) > 0 {
		line := head
		if end := bytes.IndexByte(head, '\n'); end >= 0 {
			line, head = head[:end], head[end+1:]
		} else {
			head = nil
		}
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) > len(name) && line[len(name)] == ':' && equalFold(line[:len(name)], name) {
			return line
		}
	}
	return nil
}

// equalFold compares ASCII text without regard to case.
func equalFold(b []byte, text string) bool {
	for i := range b {
		if lower(b[i]) != lower(text[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// mime is a content type without its parameters.
func mime(value []byte) []byte {
	value, _, _ = bytes.Cut(value, []byte{';'})
	return bytes.TrimSpace(value)
}

// parseIdentity reads the lower-case hexadecimal digits of a request's identity.
func parseIdentity(b []byte) (id uint64, ok bool) {
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		id = id<<4 | uint64(c)
	}
	return id, true
}

const hexDigits = "0123456789abcdef"

// appendIdentity is parseIdentity's opposite.
func appendIdentity(dst []byte, id uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[id>>shift&15])
	}
	return dst
}
