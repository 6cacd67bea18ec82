package near

import (
	"slices"
	"strings"
	"testing"
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

// FuzzDistance holds what is true of a distance.
func FuzzDistance(f *testing.F) {
	f.Add("budget", "bugdet")
	f.Add("", "a")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > maxName || len(b) > maxName {
			return
		}
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Errorf("the distance of %q and %q is %d", a, b, d)
		}
	})
}
