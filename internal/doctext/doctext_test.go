package doctext

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFields(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.go", "package a\n\n// T is a thing\n// of two lines.\ntype T struct {\n\t// A is the\n\t// first. Default 1.\n\tA int\n\tb int\n\tC, D string\n}\n")
	write("a_test.go", "package a\n\n// U is none.\ntype U struct{ A int }\n")
	got, err := Fields(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"T": "T is a thing of two lines.", "T.A": "A is the first. Default 1.", "T.C": "", "T.D": ""}
	if len(got) != len(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s: got %q, want %q", name, got[name], text)
		}
	}
	write("b.go", "no Go")
	if _, err := Fields(dir); err == nil {
		t.Error("a file that is no Go is accepted")
	}
}

func TestSentence(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := Sentence(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	f("Listen is the address. More.", "The address. More.")
	f("AdminHosts are names.", "Names.")
	f("Unproven says what becomes.", "What becomes.")
	f("Payloads keeps bodies.", "Keeps bodies.")
	f("Listen", "")
}

func TestDefault(t *testing.T) {
	f := func(text, about, value, because string) {
		t.Helper()
		if a, v, b := Default(text); a != about || v != value || b != because {
			t.Errorf("%q: got %q, %q, %q", text, a, v, b)
		}
	}
	f("The address. Default 127.0.0.1:8080. More.", "The address. More.", "127.0.0.1:8080", "")
	f("A list. Default none: all of them. More.", "A list. More.", "none", "all of them")
	f("A number. Default 0.8.", "A number.", "0.8", "")
	f("A size. Default 1GiB, about ten million. More.", "A size. More.", "1GiB", "about ten million")
	f("A size.", "A size.", "", "")
}

func TestCell(t *testing.T) {
	const want = `A \| b of &lt;name>. **Too low** fails; **too high** costs.`
	if got := Cell("A | b of <name>. Too low fails; too high costs."); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHold(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func(text string) {
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a\n<!-- generated: x -->\nold\n<!-- end: x -->\nb\n")
	texts := map[string]string{"x": "new\n"}
	if err := Hold(page, texts, false); err == nil {
		t.Error("a stale page is accepted")
	}
	if err := Hold(page, texts, true); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(page)
	if want := "a\n<!-- generated: x -->\nnew\n<!-- end: x -->\nb\n"; err != nil || string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := Hold(page, texts, false); err != nil {
		t.Error(err)
	}
	write("no marks")
	if err := Hold(page, texts, true); err == nil {
		t.Error("a page without marks is accepted")
	}
}
