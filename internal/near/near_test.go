package near

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestMisses(t *testing.T) {
	names := []string{"budget", "max_batch", "max_rows", "batch", "once", "sha256", "max_body_bytes", "max_bodies_bytes"}
	f := func(word string, want ...string) {
		t.Helper()
		if got := Misses(word, names); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	f("bugdet", "budget")
	f("budgets", "budget")
	f("maxBatch", "max_batch", "batch")
	f("max-batch", "max_batch", "batch")
	f("bacth", "batch")
	f("ones")
	f("onec", "once")
	f("max_body_byte", "max_body_bytes")
	f("max_bodys_bytes", "max_body_bytes", "max_bodies_bytes")
	f("sha256sum", "sha256")
	f("body_bytes", "max_body_bytes")
	f("rows", "max_rows")
	f("zz")
	f("", []string{}...)
	f(strings.Repeat("x", 1000))
}

func TestFirst(t *testing.T) {
	names := []string{"a", "b", "budget", "c"}
	f := func(word string, most int, want string) {
		t.Helper()
		if got := First(word, names, most); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	f("bugdet", 9, "budget, a, b, c")
	f("bugdet", 2, "budget, a and 2 more")
	f("zzz", 4, "a, b, budget, c")
	if got := Meant("bugdet", names); got != " (did you mean budget?)" {
		t.Errorf("got %q", got)
	}
	if got := Meant("zzz", names); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestDistance(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := distance(a, b); got != want {
			t.Errorf("from %q to %q: got %d, want %d", a, b, got, want)
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
}

func TestList(t *testing.T) {
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf("feature_%d", i)
	}
	f := func(word string, names []string, list, likely string) {
		t.Helper()
		if got := List(word, names); got != list {
			t.Errorf("%q: got %s, want %s", word, got, list)
		}
		if got := Likely(word, names); got != likely {
			t.Errorf("%q: got the near misses %s, want %s", word, got, likely)
		}
	}
	f("x", nil, "none", "")
	f("imgae", []string{"mask", "image", "size"}, "'image', 'mask', 'size'", "'image'")
	f("INPUT_0", []string{"input", "input_1", "input_0"}, "'input_0', 'input', 'input_1'", "'input_0' or 'input' or 'input_1'")
	f("zebra", []string{"input", "mask"}, "'input', 'mask'", "")
	f("", []string{"a", "bc"}, "'a', 'bc'", "")
	f("name", []string{"b\xff", "nam\x00"}, "'nam\uFFFD', 'b\uFFFD'", "'nam\uFFFD'")
	f("zebra", []string{"a\u009b2J"}, "'a\uFFFD2J'", "")
	f("image", []string{"a_long_image", "the_image", "image_of_a_row"}, "'the_image', 'a_long_image', 'image_of_a_row'", "'the_image' or 'a_long_image' or 'image_of_a_row'")
	f("y", []string{strings.Repeat("x", 100)}, "'"+strings.Repeat("x", 64)+"'...", "")
	if got := List("feature_999x", many); !strings.HasPrefix(got, "'feature_999', ") || !strings.HasSuffix(got, " and 4992 more") || strings.Count(got, ",") != 7 {
		t.Errorf("of many: got %s", got)
	}
}

// FuzzList holds that a list is short and fit to be shown whatever the names are.
func FuzzList(f *testing.F) {
	f.Add("input", "inptu,mask,\xff,"+strings.Repeat("\u00fc", 100))
	f.Fuzz(func(t *testing.T, word, names string) {
		all := strings.Split(names, ",")
		for _, got := range []string{List(word, all), Likely(word, all)} {
			if len(got) > listed*(3*cut+8)+20 || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
				t.Fatalf("%q among %q: got %q", word, all, got)
			}
		}
	})
}

// FuzzDistance holds what is true of a distance.
func FuzzDistance(f *testing.F) {
	f.Add("budget", "bugdet")
	f.Add("", "a")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > longest || len(b) > longest {
			return
		}
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Errorf("the distance of %q and %q is %d", a, b, d)
		}
	})
}
