//go:build !race

package fill

import (
	"testing"

	"sluice/internal/origin"
)

// Nothing is allocated for a request whose rows are in the cache.
func TestFillAllocations(t *testing.T) {
	for _, trail := range []*origin.Trail{nil, {}} {
		one := cached(t, 50, 20, trail)
		if n := testing.AllocsPerRun(200, one); n > 0 {
			t.Errorf("%v allocations for a request", n)
		}
	}
}
