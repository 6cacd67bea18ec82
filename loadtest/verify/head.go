package verify

import "bytes"

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
