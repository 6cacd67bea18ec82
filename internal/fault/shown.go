package fault

import (
	"unicode"
	"unicode/utf8"
)

// Shown is a client's text as an error may quote it: short, and printable.
func Shown[T string | []byte](text T) string {
	const most = 64
	if len(text) <= most {
		return Printable(string(text))
	}
	return Printable(string(text[:most])) + "..."
}

// Printable replaces control characters.
func Printable(text string) string {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if unicode.IsControl(r) {
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}
