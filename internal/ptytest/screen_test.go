package ptytest

import (
	"strings"
	"testing"
)

// A screen shows the same wherever what is written to it is cut.
func TestScreenTakesPieces(t *testing.T) {
	const text = "\x1b[?25lone ü\n\x1b[1mtwo\x1b[0m\n\x1b[2A\r\x1b[Kthree\x1b[?25h"
	for cut := range len(text) {
		s := NewScreen()
		for _, part := range []string{text[:cut], text[cut:]} {
			if _, err := s.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Text(); got != "three\ntwo\n" || s.Err != nil || s.Hidden {
			t.Errorf("cut at %d: %q, %v, hidden %v", cut, got, s.Err, s.Hidden)
		}
	}
	s := NewScreen()
	for i := range len(text) {
		_, _ = s.Write([]byte{text[i]})
	}
	if !strings.HasPrefix(s.Text(), "three") || s.Err != nil {
		t.Errorf("byte by byte: %q, %v", s.Text(), s.Err)
	}
}
