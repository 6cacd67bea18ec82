package models

import (
	"context"
	"testing"
)

// TestPinnedIsReported pins a bundle, and looks for that in the report.
func TestPinnedIsReported(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 2}, "weights", "0123")
	for _, pinned := range []bool{false, true} {
		if pinned {
			if state, err := b.Pin(true); err != nil || state.Off == "" {
				t.Fatalf("%+v, %v", state, err)
			}
		}
		report, err := Check(context.Background(), w.options(), b)
		if err != nil || report.Refusal() != nil || report.Pinned != pinned {
			t.Errorf("pinned %v: %+v, %v", pinned, report.Gates, err)
		}
	}
}
