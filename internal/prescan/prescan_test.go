package prescan

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/parser"
)

func TestYAML(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := "<nil>"
		if err := YAML([]byte(text)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.40q: got %s, want %s", text, got, want)
		}
	}
	nested := func(levels int, line string) string {
		var b strings.Builder
		for i := range levels {
			b.WriteString(strings.Repeat(" ", i) + line)
		}
		return b.String()
	}
	f("", "<nil>")
	f("\xff\xfea\x00:\x00", "it is UTF-16: save it as UTF-8")
	f("\xfe\xff\x00a\x00:", "it is UTF-16: save it as UTF-8")
	f("budget: 5ms\nlabels:\n  y: [a, b]\n# "+strings.Repeat("[", 5000), "<nil>")
	f("lineage: {note: 'see [1] & [2] * 3 - not an anchor: it stands alone'}", "<nil>")
	f(strings.Repeat("[", 4096), "<nil>")
	f(strings.Repeat("[", 100_000), "line 1: more than 4096 brackets and braces are opened")
	f("a: \"\nb: "+strings.Repeat("{a: ", 4097), "line 2: more than 4096 brackets and braces are opened")
	f(strings.Repeat("[]\n", 4097), "line 4097: more than 4096 brackets and braces are opened")
	f(nested(64, "a:\n"), "<nil>")
	f(nested(65, "a:\n"), "line 65: it is nested more than 64 levels deep")
	f(nested(65, "a:\r"), "line 65: it is nested more than 64 levels deep")
	f(strings.Repeat("- ", 64)+"a", "<nil>")
	f(strings.Repeat("- ", 65)+"a", "line 1: more than 64 dashes on a line: it is nested too deep")
	f("a:\n  "+strings.Repeat("? ", 65), "line 2: more than 64 dashes on a line: it is nested too deep")
	f("----------------------------------------------------------------------------------", "<nil>")
	f(strings.Repeat("k: 1\n", 8193), "line 8193: more than 8192 keys")
	f("{"+strings.Repeat("k: 1,", 8193), "line 1: more than 8192 keys")
	f("["+strings.Repeat("1,", 100_000), "line 1: more than 100000 lines and values")
	f(strings.Repeat("\n", 100_001), "line 100001: more than 100000 lines and values")
	f("a: &a x\n"+strings.Repeat("- *a\n", 15), "<nil>")
	f("a: &a x\n"+strings.Repeat("- *a\n", 16), "line 17: more than 16 anchors and aliases")
	f(strings.Repeat("&a ", 17), "line 1: more than 16 anchors and aliases")
	f(strings.Repeat("!a ", 1025), "line 1: more than 1024 tags")
	f(strings.Repeat("#", MaxYAMLBytes+1), "it has 1048577 bytes; the limit is 1048576")
}

func TestJSON(t *testing.T) {
	most := JSONLimits{Depth: 3, Values: 9}
	f := func(text, want string) {
		t.Helper()
		got := "<nil>"
		if err := JSON([]byte(text), most); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.40q: got %s, want %s", text, got, want)
		}
	}
	f("", "<nil>")
	f("]]}", "<nil>")
	f(`[[[]]]`, "<nil>")
	f(`{"a":[[[`, "it is nested more than 3 levels deep")
	f(`[{},{},{},1]`, "<nil>")
	f(`[{},{},{},{},1]`, "it has more than 9 values")
	f(`0,0,0,0,0,0,0,0,0,0`, "it has more than 9 values")
}

// FuzzYAML wants what passes the scan to cost the parser no more than a multiple of its size.
func FuzzYAML(f *testing.F) {
	for _, text := range []string{
		"a: [b, {c: d}]\n", strings.Repeat("[", 300), strings.Repeat("- ", 30), "a: &a [*a]\n<<: *a", "? - a\n: !b |\n  [[[",
		"\"[\n'{\n- - ?\t? -", "a: >\n\n  b\n c: d\n#", strings.Repeat("{a: ", 300) + strings.Repeat("}", 300),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4<<10 || YAML(text) != nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		func() {
			defer func() { _ = recover() }() // as its callers do
			_, _ = parser.ParseBytes(text, 0)
		}()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%d bytes took %s: %.200q", len(text), fmt.Sprint(took>>20, " MiB"), text)
		}
	})
}
