package policy

import (
	"testing"
	"time"
)

func TestExpect(t *testing.T) {
	// A batch takes 10 ms at any size up to 8.
	f := func(name string, lanes, waiting, rows int, want time.Duration) {
		t.Helper()
		r := one(t, lanes, ModelOptions{}, flat(10*ms))
		for range waiting {
			r.arrive(r.item(0, 1, time.Second))
		}
		if got := r.s.Expect(r.now, 0, rows); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("idle", 1, 0, 1, 10*ms)
	f("a full batch", 1, 0, 8, 10*ms)
	f("two batches", 1, 0, 9, 20*ms)
	f("behind a run", 1, 1, 1, 20*ms)
	f("behind a run and a batch", 1, 9, 1, 30*ms)
	f("another lane", 2, 1, 1, 10*ms)
	r := one(t, 1, ModelOptions{}, flat(10*ms))
	if got := r.s.Expect(r.now, 7, 1); got != 0 {
		t.Errorf("%v of a model that is not there", got)
	}
}
