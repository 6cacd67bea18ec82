package bundle

import (
	"os"
	"path/filepath"
	"testing"
)

// put writes a bundle: its model file, and other files by name and content.
func put(t *testing.T, model string, more ...string) *Bundle {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "m", "1")
	writeFile(t, filepath.Join(dir, ModelFile), model)
	for i := 0; i < len(more); i += 2 {
		writeFile(t, filepath.Join(dir, more[i]), more[i+1])
	}
	return &Bundle{Name: "m", Version: "1", Dir: dir, ModelName: ModelFile, From: Places{Own: dir}}
}

// writeFile writes a file, and the folders above it.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// linkFile makes a link.
func linkFile(t *testing.T, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
