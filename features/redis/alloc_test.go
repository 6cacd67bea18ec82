//go:build !race

package redis

import (
	"context"
	"runtime/debug"
	"testing"
)

// TestReadsAllocateNothing holds a read to what rueidis alone allocates for the same replies. The race detector has pools forget.
func TestReadsAllocateNothing(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties pools
	f := func(layout Layout, on bool) {
		t.Helper()
		ours, bare := sides(t, layout, false, on, 1)
		allocations := func(s *side) float64 {
			return testing.AllocsPerRun(20, func() {
				if err := s.reads[0](context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		if got, want := allocations(ours), allocations(bare); got > want {
			t.Errorf("%s, going on %t: %v allocations, and %v of them are rueidis's", layout, on, got, want)
		}
	}
	for _, layout := range []Layout{Feast, Native} {
		f(layout, false)
		f(layout, true)
	}
}
