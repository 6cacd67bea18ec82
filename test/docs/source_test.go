package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// written reads source code that a test gives.
func written(t *testing.T, text string) *Source {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte("package x\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := ReadSource(true, nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestFindsLogLines(t *testing.T) {
	f := func(code string, want ...string) {
		t.Helper()
		found, dynamic := written(t, "const name = \"model.yaml\"\nfunc f() {"+code+"}").LogLines("error")
		var got []string
		for _, l := range found {
			for _, level := range l.Levels {
				got = append(got, level+" "+l.Message)
			}
		}
		for _, place := range dynamic {
			got = append(got, "dynamic "+regexp.MustCompile(` at .*`).ReplaceAllString(place, ""))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", code, got, want)
		}
	}
	f(`s.log.Info("a", x)`, "info a")
	f(`r.opts.Log.Warn("b")`, "warn b")
	f("log := s.log.Info\nif bad { log = s.log.Error }\nlog(\"c\", x)", "info c", "error c")
	f(`s.failures.log(s.opt.Log, "d", x)`, "error d")
	f(`r.throttle.Warn(r.log, "e")`, "warn e")
	f(`log.Warn("what is in " + name)`, "warn what is in model.yaml")
	f(`log.Warn(f.String())`, "dynamic f.String()")
	f(`http.Error(w, "no", 500); t.Error("no"); err.Error(); fmt.Errorf("no")`)
}

func TestFindsHeaders(t *testing.T) {
	f := func(code string, want map[string]Use) {
		t.Helper()
		got := written(t, code).Headers()
		if len(got) != len(want) {
			t.Errorf("%s: got %v, want %v", code, got, want)
		}
		for name, use := range want {
			if got[name] != use {
				t.Errorf("%s: %s is %v, want %v", code, name, got[name], use)
			}
		}
	}
	read, both, set := Use{Read: true}, Use{true, true}, Use{Written: true}
	f(`var headerA = []byte("X-A")`, map[string]Use{"X-A": {}})
	f("var headerA = []byte(\"X-A\")\nfunc f() { h.PeekCanonical(headerA); h.SetCanonical(headerA, v) }", map[string]Use{"X-A": both})
	f(`func f() { r.Header.Get("Origin"); h.Set("Allow", v); s.Set("other", v) }`, map[string]Use{"Origin": read, "Allow": set})
	f(`func (s *headScan) f() { FoldEqual(name, "content-length") }`, map[string]Use{"Content-Length": read})
	f(`func f() { FoldEqual(name, "gzip") }`, nil)
	f(`var x = "\r\nContent-Type: a/b\r\nConnection: close\r\nBUG: no"`, map[string]Use{"Content-Type": set, "Connection": set})
	f(`func f() { c.SetConnectionClose() }`, map[string]Use{"Connection": set})
}

func TestFindsTexts(t *testing.T) {
	source := written(t, "const (\nA = \"a\"\nB = \"b\"\n)\nvar names = [...]string{\"x\", \"y\"}\nfunc g() error { return fault.Newf(fault.K, \"no %s\", v) }\nfunc h() string { if bad { return \"\" }; return \"b: \" + x }")
	f := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(source.Strings("A"), "a", "b")
	f(source.Strings("names"), "x", "y")
	f(source.Strings("nothing"))
	f(source.TextsOf("g"), "no %s")
	f(source.TextsOf("h"), "b: ")
	f(source.Literals(regexp.MustCompile(`^[xy]$`)), "x", "y")
}
