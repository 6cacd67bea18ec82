package models

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/models/bundle"
)

// TestWatch uses the system's own notifications: a folder that is moved in is served
// without being asked for, one that is written in place too, one that is removed ends.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 1})
	r, err := New(w.options())
	if err != nil {
		t.Fatal(err)
	}
	w.begin(t, r)
	until := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for table(r) != want {
			select {
			case <-poll.C:
			case <-ctx.Done():
				t.Fatalf("still %s, want %s", table(r), want)
			}
		}
	}
	until("m/1 READY live")
	w.put(t, "m/2", fakeFile{Factor: 2})
	until("m/1 UNLOADED, m/2 READY live")
	write(t, filepath.Join(w.dir, "new/1", bundle.ConfigFile), "max_batch: 4")
	write(t, filepath.Join(w.dir, "new/1", bundle.ModelFile), `{"Factor": 3}`)
	until("m/1 UNLOADED, m/2 READY live, new/1 READY live")
	write(t, filepath.Join(w.dir, "new/2", bundle.ModelFile), `{"Factor`)
	until("m/1 UNLOADED, m/2 READY live, new/1 READY live, new/2 FAILED")
	write(t, filepath.Join(w.dir, "new/2", bundle.ModelFile), `{"Factor": 4}`)
	until("m/1 UNLOADED, m/2 READY live, new/1 UNLOADED, new/2 READY live")
	if err := os.RemoveAll(filepath.Join(w.dir, "m")); err != nil {
		t.Fatal(err)
	}
	until("new/1 UNLOADED, new/2 READY live")
}
