package ptytest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Screen is what a terminal shows after what was written to it. It knows what a live view writes,
// and complains of the rest in Err.
type Screen struct {
	lines    [][]rune
	row, col int
	// Hidden says that the cursor is not seen, Wraps that a line that is too wide takes two.
	Hidden, Wraps bool
	// Err is the last thing that was not understood.
	Err error

	part []byte // the beginning of what has not been written to its end
}

// NewScreen is an empty screen, as wide as need be.
func NewScreen() *Screen { return &Screen{lines: [][]rune{nil}, Wraps: true} }

// Write shows more. What is read from a terminal may end within a character or a control sequence.
func (s *Screen) Write(p []byte) (int, error) {
	s.part = append(s.part, p...)
	whole := len(s.part)
	if at := bytes.LastIndexByte(s.part, 0x1b); at >= 0 && !slices.ContainsFunc(s.part[at:], func(b byte) bool { return b >= 'A' && b != '[' }) {
		whole = at
	}
	for at := whole - 1; at >= max(whole-utf8.UTFMax, 0); at-- {
		if utf8.RuneStart(s.part[at]) {
			if !utf8.FullRune(s.part[at:whole]) {
				whole = at
			}
			break
		}
	}
	text := []rune(string(s.part[:whole]))
	s.part = append(s.part[:0], s.part[whole:]...)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\r':
			s.col = 0
		case '\n':
			s.row++
			s.col = 0 // as the terminal's driver has it
			if s.row == len(s.lines) {
				s.lines = append(s.lines, nil)
			}
		case 0x1b:
			end := i + 2
			for end < len(text) && strings.ContainsRune("?0123456789;", text[end]) {
				end++
			}
			s.control(string(text[i+2:end]), text[end])
			i = end
		default:
			for len(s.lines[s.row]) <= s.col {
				s.lines[s.row] = append(s.lines[s.row], ' ')
			}
			s.lines[s.row][s.col] = c
			s.col++
		}
	}
	return len(p), nil
}

func (s *Screen) control(argument string, verb rune) {
	switch {
	case verb == 'A':
		n, err := strconv.Atoi(argument)
		if s.row -= n; err != nil || s.row < 0 {
			s.Err = fmt.Errorf("up by %q from line %d", argument, s.row+n)
			s.row = 0
		}
	case verb == 'K' && argument == "":
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	case verb == 'J' && argument == "":
		s.lines = s.lines[:s.row+1]
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	case verb == 'h' || verb == 'l':
		switch argument {
		case "?25":
			s.Hidden = verb == 'l'
		case "?7":
			s.Wraps = verb == 'h'
		default:
			s.Err = fmt.Errorf("mode %s", argument)
		}
	case verb == 'm':
	default:
		s.Err = fmt.Errorf("control %s%c", argument, verb)
	}
}

// Text is what is seen.
func (s *Screen) Text() string {
	var b strings.Builder
	for _, l := range s.lines {
		b.WriteString(strings.TrimRight(string(l), " ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
