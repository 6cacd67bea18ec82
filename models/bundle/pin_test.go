package bundle

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPin writes digests into model.yaml beside what it says, once.
func TestPin(t *testing.T) {
	f := func(settings, want string) {
		t.Helper()
		b := put(t, "model", "weights", "0123")
		path := filepath.Join(b.Dir, ConfigFile)
		if settings != "" {
			writeFile(t, path, settings)
		}
		state, err := b.Pin(true)
		if err != nil || state.Off == "" {
			t.Fatalf("%q: %+v, %v", settings, state, err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		const pins = pinHeading + "\nsha256:\n  \"model.onnx\": \"MODEL\"\n  \"weights\": \"1be2e452b46d7a0d9656bbb1f768e8248eba1b75baed65f5d99eafa948899a6a\"\n  model.yaml: \"OWN\"\n"
		wanted := strings.NewReplacer("PINS", pins, "MODEL", fmt.Sprintf("%x", sha256.Sum256([]byte("model"))), "OWN", ownDigest(text)).Replace(strings.Replace(want, "PINS", pins, 1))
		if string(text) != wanted {
			t.Errorf("%q became\n%s\nwant\n%s", settings, text, wanted)
		}
		for _, write := range []bool{false, true} {
			if state, err := b.Pin(write); err != nil || state.Off != "" {
				t.Errorf("%q, again: %+v, %v", settings, state, err)
			}
		}
		if again, err := os.ReadFile(path); err != nil || string(again) != string(text) {
			t.Errorf("%q, again: %s, %v", settings, again, err)
		}
		if _, err := readFakes(b, nil); err != nil || len(b.Config.SHA256) == 0 {
			t.Errorf("%q: %+v, %v", settings, b.Config.SHA256, err)
		}
	}
	f("", "PINS")
	f("# words\n", "# words\n\nPINS")
	f("max_batch: 4", "max_batch: 4\n\nPINS")
	f("max_batch: 4\n...\n", "max_batch: 4\n\nPINS...\n")
	f("\uFEFFmax_batch: 4", "max_batch: 4\n\nPINS")
	f("sha256: {model.onnx: '"+strings.Repeat("ab", 32)+"'}\n# of the next\nmax_batch: 4\n", "# of the next\nmax_batch: 4\n\nPINS")
	f("max_batch: 4\n"+pinHeading+"\nsha256:\n  model.onnx: '"+strings.Repeat("ab", 32)+"'\n\n", "max_batch: 4\n\nPINS")
	f("max_batch: 4\nsha256:\n  model.onnx: '"+strings.Repeat("ab", 32)+"'\nlineage: {a: b}", "max_batch: 4\nlineage: {a: b}\n\nPINS")
}

// The digests go before a line that ends the document.
func TestDocumentEnd(t *testing.T) {
	f := func(text, end string) {
		t.Helper()
		if got := text[documentEnd([]byte(text)):]; got != end {
			t.Errorf("%q ends with %q, want %q", text, got, end)
		}
	}
	f("", "")
	f("a: 1\n", "")
	f("a: 1\n...", "...")
	f("a: 1\n...\n", "...\n")
	f("a: 1\n... # end\n\n# more\n", "... # end\n\n# more\n")
	f("a: 1\r\n...\r\n", "...\r\n")
	f("a: 1\n...\nb: 2\n", "")
	f("a: 1\n....\n", "")
	f("...\n", "...\n")
}

func TestPinCannot(t *testing.T) {
	f := func(want, settings string) {
		t.Helper()
		b := put(t, "model", ConfigFile, settings)
		if _, err := b.Pin(true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", settings, err, want)
		}
		if text, err := os.ReadFile(filepath.Join(b.Dir, ConfigFile)); err != nil || string(text) != settings {
			t.Errorf("%q became %q", settings, text)
		}
	}
	f("write it in block form", "{max_batch: 4}")
	f("it is UTF-16", "\xff\xfem\x00")
	f("unexpected end content", "max_batch: 4\n...\nx\n")
	f("there is no key", "max_bach: 4")
	f("it has a line of its own name elsewhere", "lineage:\n  model.yaml: x\n")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "net.onnx"), "x")
	bundles, _, err := Discover(dir)
	if err != nil || len(bundles) != 1 {
		t.Fatal(bundles, err)
	}
	if state, err := bundles[0].Pin(true); err != nil || !strings.Contains(state.Off, "move it to net/1/model.onnx") {
		t.Errorf("%+v, %v", state, err)
	}
}

// TestFlippedBits changes one bit at a time in each file of a pinned bundle: none is served.
func TestFlippedBits(t *testing.T) {
	copies, err := OpenCopies(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := copies.Close(); err != nil {
			t.Error(err)
		}
	})
	b := put(t, "model", "weights", strings.Repeat("0123", 100), ConfigFile, "budget: 50ms\nlineage: {a: b}\n")
	if _, err := b.Pin(true); err != nil {
		t.Fatal(err)
	}
	f := func(name string, at int, bit byte) {
		t.Helper()
		path := filepath.Join(b.Dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		was := text[at]
		text[at] ^= bit
		writeFile(t, path, string(text))
		if _, err := readFakes(b, copies); err == nil {
			t.Errorf("%s with bit %d of byte %d changed, %q to %q, is served", name, bit, at, was, text[at])
		}
		if err := b.Discard(); err != nil {
			t.Fatal(err)
		}
		text[at] = was
		writeFile(t, path, string(text))
	}
	settings, err := os.ReadFile(filepath.Join(b.Dir, ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		f(ConfigFile, rand.IntN(len(settings)), 1<<rand.IntN(8))
	}
	for range 20 {
		f("weights", rand.IntN(400), 1<<rand.IntN(8))
	}
	if _, err := readFakes(b, copies); err != nil {
		t.Errorf("as it was, it is refused: %v", err)
	}
}

// readFakes reads a bundle of a fake file.
func readFakes(b *Bundle, c *Copies) (*Graph, error) {
	return b.Read(c, func() (*Graph, error) {
		return b.Describe(Defaults{}.WithDefaults(), nil, func(*Bundle) (*Graph, error) { return describedGraph(), nil })
	})
}
