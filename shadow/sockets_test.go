package shadow

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What a killed process has left is swept, and nothing else.
func TestSweep(t *testing.T) {
	place, old := t.TempDir(), time.Now().Add(-time.Hour)
	put := func(name string, at time.Time) string {
		dir := filepath.Join(place, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "1"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	held, err := newSockets(filepath.Join(place, "nowhere"), place)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(held.dir, old, old); err != nil {
		t.Fatal(err)
	}
	target := put("target", old)
	link := filepath.Join(place, socketsName+"link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	left, fresh, other := put(socketsName+"left", old), put(socketsName+"fresh", time.Now()), put("other", old)
	sweep(place, time.Now())
	for path, want := range map[string]bool{held.dir: true, left: false, fresh: true, other: true, link: true, target: true} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: is there: %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
	held.remove()
	if _, err := os.Stat(held.dir); err == nil {
		t.Error("the folder is still there")
	}
}
