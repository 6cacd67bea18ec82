package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCopiesSweep takes away what dead processes left behind, and nothing else.
func TestCopiesSweep(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenCopies(dir)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(first.Dir(), "1", "own", ModelFile), "x")
	writeFile(t, filepath.Join(dir, copiesPrefix+"dead", "1", "own", ModelFile), "x")
	writeFile(t, filepath.Join(dir, "other", "x"), "x")
	writeFile(t, filepath.Join(dir, copiesPrefix+"file"), "x")
	linkFile(t, t.TempDir(), filepath.Join(dir, copiesPrefix+"link"))
	second, err := OpenCopies("", filepath.Join(dir, "other", "x"), dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		first.Dir(): true, second.Dir(): true, filepath.Join(dir, copiesPrefix+"dead"): false, filepath.Join(dir, "other"): true,
		filepath.Join(dir, copiesPrefix+"file"): true, filepath.Join(dir, copiesPrefix+"link"): true,
	} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if about, err := os.Stat(first.Dir()); err != nil || about.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", about, err)
	}
	for _, c := range []*Copies{first, second, nil} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(first.Dir()); err == nil {
		t.Error("a closed folder is still there")
	}
	if _, err := OpenCopies(filepath.Join(dir, "other", "x")); err == nil || !strings.Contains(err.Error(), "cannot make a private folder") {
		t.Errorf("a file for a folder: %v", err)
	}
}

// TestFileThatChangesWhileItIsRead holds what is said of one that grows or shrinks meanwhile.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	f := func(size int64, want string) {
		t.Helper()
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "f"), strings.Repeat("x", 100_000))
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		read := 0
		_, err = readFile(root, "f", 1<<20, writerFunc(func(p []byte) (int, error) {
			read += len(p)
			return len(p), os.Truncate(filepath.Join(dir, "f"), size)
		}))
		if got := fmt.Sprint(err); got != want || read > 100_000 {
			t.Errorf("to %d bytes: %s after %d bytes, want %s", size, got, read, want)
		}
	}
	f(100_000, "<nil>")
	f(1<<40, "it had 100000 bytes and has another size now: it changes while it is read")
	f(10, "it had 100000 bytes and ended after 32768: it changes while it is read")
}

// writerFunc is an io.Writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
