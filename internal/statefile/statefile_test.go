package statefile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReplaceAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	path := filepath.Join(dir, "f.json")
	if text, err := Read(path, 10); text != nil || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	for _, want := range []string{"first", "second"} {
		if err := Replace(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if text, err := Read(path, 10); string(text) != want || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
	if _, err := Read(path, 5); err == nil || !strings.Contains(err.Error(), "more than 5 bytes") {
		t.Error(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(pipe, 5); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	if err := Replace(filepath.Join(path, "below a file"), nil); err == nil {
		t.Error("a file is a folder")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}
