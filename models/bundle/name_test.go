package bundle

import (
	"slices"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	f := func(kind, name, want string) {
		t.Helper()
		err := CheckName(kind, name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s %.80q: %v; want %q", kind, name, err, want)
		}
	}
	f("model", "a-Z_0.9", "")
	f("model", strings.Repeat("x", 64), "")
	f("version", "20240101", "")
	f("version", "stats", "")
	f("model", "stats", "taken by the protocol")
	f("model", "", "the model name is empty")
	f("model", strings.Repeat("x", 65), "has 65 bytes; the limit is 64")
	f("model", strings.Repeat("x", 1<<20), "has 1048576 bytes")
	f("model", ".", "starts with a dot")
	f("version", "..", "starts with a dot")
	f("model", "a/b", `has "/" at byte 1`)
	f("model", "a\x00", `has "\x00" at byte 1`)
	f("model", "é", "at byte 0")
	f("version", "1 ", `has " " at byte 1`)
}

func TestCompareVersions(t *testing.T) {
	f := func(oldToNew ...string) {
		t.Helper()
		for i := range oldToNew {
			for j := range oldToNew {
				if got := CompareVersions(oldToNew[i], oldToNew[j]); sign(got) != sign(i-j) {
					t.Errorf("%s against %s: %d", oldToNew[i], oldToNew[j], got)
				}
			}
		}
		shuffled := slices.Clone(oldToNew)
		slices.Reverse(shuffled)
		slices.SortFunc(shuffled, CompareVersions)
		if !slices.Equal(shuffled, oldToNew) {
			t.Errorf("sorted %v, want %v", shuffled, oldToNew)
		}
	}
	f("1", "2", "9", "10", "20240101", "20240102001", "99999999999999999999999999")
	f("alpha", "beta", "v10", "v2", "0", "1")
	f("0", "00", "01", "1", "10")
}

func sign(n int) int { return max(-1, min(1, n)) }
