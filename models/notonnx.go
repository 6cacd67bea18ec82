package models

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// notONNX says of a file that cannot be read as a model what it is instead, if that shows, and
// what to do.
func notONNX(name string, data []byte, err error) error {
	start := data[:min(len(data), 64)]
	if end := bytes.IndexAny(start, "\r\n"); end > 0 {
		start = start[:end]
	}
	switch {
	case len(data) == 0:
		return fmt.Errorf("%s: %w: copy or export it again", name, err)
	case bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")):
		return fmt.Errorf("%s is a pointer of Git LFS in place of a model: fetch the file with git lfs pull", name)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("\x1f\x8b")):
		return fmt.Errorf("%s is an archive in place of a model: unpack it", name)
	case len(bytes.Trim(data[:min(len(data), 1024)], "\x00")) == 0:
		return fmt.Errorf("%s begins with zeros in place of a model: it was not copied whole; copy it again", name)
	case isText(start):
		return fmt.Errorf("%s is a text in place of a model, and begins with %q: put the exported model there", name, start)
	}
	return fmt.Errorf("%s is %w: it is damaged or not whole; copy or export it again", name, err)
}

// isText tells whether people could read the beginning of a file.
func isText(start []byte) bool {
	for len(start) > 0 {
		r, size := utf8.DecodeRune(start)
		if r == utf8.RuneError && len(start) >= utf8.UTFMax || r != utf8.RuneError && !unicode.IsPrint(r) && r != '\t' {
			return false
		}
		start = start[size:]
	}
	return true
}
