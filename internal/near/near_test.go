package near

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDistance(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := distance(a, b, 9); got != want {
			t.Errorf("from %q to %q: got %d, want %d", a, b, got, want)
		}
		if got := distance(b, a, 9); got != want {
			t.Errorf("from %q to %q: got %d, want %d", b, a, got, want)
		}
	}
	f("", "", 0)
	f("", "abc", 3)
	f("input", "input", 0)
	f("input", "inpt", 1)
	f("input", "inptu", 1)
	f("input", "imput0", 2)
	f("kitten", "sitting", 3)
	f("abcdef", "badcfe", 3)
	if got := distance("abcdef", "uvwxyz", 1); got <= 1 {
		t.Errorf("got %d for names that have nothing in common", got)
	}
}

func TestList(t *testing.T) {
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf("feature_%d", i)
	}
	f := func(wrong string, names []string, list, misses string) {
		t.Helper()
		if got := List(wrong, names); got != list {
			t.Errorf("%q: got %s, want %s", wrong, got, list)
		}
		if got := Misses(wrong, names); got != misses {
			t.Errorf("%q: got the near misses %s, want %s", wrong, got, misses)
		}
	}
	f("x", nil, "none", "")
	f("imgae", []string{"mask", "image", "size"}, "'image', 'mask', 'size'", "'image'")
	f("INPUT_0", []string{"input", "input_1", "input_0"}, "'input_0', 'input_1', 'input'", "'input_0' or 'input_1' or 'input'")
	f("zebra", []string{"input", "mask"}, "'input', 'mask'", "")
	f("", []string{"a", "bc"}, "'a', 'bc'", "")
	f("x", []string{"y", "X"}, "'X', 'y'", "'X'")
	f(strings.Repeat("Ⱥ", 32), []string{strings.Repeat("ⱥ", 32)}, "'"+strings.Repeat("ⱥ", 21)+"'...", "'"+strings.Repeat("ⱥ", 21)+"'...")
	f("a\x01", []string{"a\x00", "b\xff"}, "'a\uFFFD', 'b\uFFFD'", "'a\uFFFD'")
	f("y", []string{strings.Repeat("x", 100)}, "'"+strings.Repeat("x", 64)+"'...", "")
	if got := List("feature_999x", many); !strings.HasPrefix(got, "'feature_999', ") || !strings.HasSuffix(got, " and 4992 more") || strings.Count(got, ",") != 7 {
		t.Errorf("of many: got %s", got)
	}
}

// FuzzList holds that a list is short and fit to be shown whatever the names are.
func FuzzList(f *testing.F) {
	f.Add("input", "inptu,mask,\xff,"+strings.Repeat("ü", 100))
	f.Fuzz(func(t *testing.T, wrong, names string) {
		all := strings.Split(names, ",")
		for _, got := range []string{List(wrong, all), Misses(wrong, all)} {
			if len(got) > most*(longest+8)+20 || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\x7f") {
				t.Fatalf("%q among %q: got %q", wrong, all, got)
			}
		}
	})
}
