//go:build !race

package policy

import "testing"

func TestNothingIsAllocatedPerItem(t *testing.T) {
	on := func(name string, c *cycle) {
		t.Helper()
		for range 500 {
			c.step()
		}
		if n := testing.AllocsPerRun(500, func() { c.step() }); n != 0 {
			t.Errorf("%s: %g allocations per batch", name, n)
		}
	}
	f := func(name string, waiting, keys int, mixed bool) {
		t.Helper()
		on(name, newCycle(t, waiting, keys, mixed))
	}
	f("a short queue", 1, 1, false)
	f("a long one", 1000, 1, false)
	f("mixed budgets", 1000, 1, true)
	f("many keys", 200, 50, true)
	on("two devices", newSpilling(t, 100))
	on("peers", newSharing(t, 100, 3))
}
