package wire

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var madeID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// An id is taken as it is, or a new one is made.
func TestRequestID(t *testing.T) {
	f := func(given string, taken bool) {
		t.Helper()
		got := string(AppendRequestID([]byte("kept:"), []byte(given)))
		id, ok := strings.CutPrefix(got, "kept:")
		if !ok || (id == given) != taken || !taken && !madeID.MatchString(id) {
			t.Errorf("%q gives %q", given, got)
		}
	}
	f("a", true)
	f("0af7651916cd43dd8448eb211c80319c", true)
	f(`~!"\{}`, true)
	f(strings.Repeat("x", 128), true)
	f("", false)
	f(strings.Repeat("x", 129), false)
	f("a b", false)
	f("a\tb", false)
	f("a\x7f", false)
	f("ü", false)
	f("a\r\nX: y", false)
	made := make([]string, 10_000)
	for i := range made {
		made[i] = string(AppendRequestID(nil, nil))
	}
	slices.Sort(made)
	if n := len(slices.Compact(made)); n != 10_000 {
		t.Errorf("%d of 10000 new ids differ", n)
	}
}
