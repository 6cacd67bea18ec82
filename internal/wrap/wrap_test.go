package wrap

import (
	"slices"
	"testing"
)

func TestLines(t *testing.T) {
	f := func(text string, width int, want ...string) {
		t.Helper()
		if got := Lines(text, width); !slices.Equal(got, want) {
			t.Errorf("%q in %d: got %q, want %q", text, width, got, want)
		}
	}
	f("", 10, "")
	f("one two three", 7, "one two", "three")
	f("one two three", 8, "one two", "three")
	f("one  two\tthree", 100, "one two three")
	f("incomprehensible of it", 6, "incomprehensible", "of it")
	f("ä ö ü", 3, "ä ö", "ü")
	f("one two\n\nthree four", 100, "one two", "", "three four")
	f("one two", -5, "one", "two")
}
