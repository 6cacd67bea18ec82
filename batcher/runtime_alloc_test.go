//go:build !race

package batcher

import "testing"

func TestNothingIsAllocatedPerRequest(t *testing.T) {
	c := newCrowd(t)
	defer c.b.Close()
	for range 500 {
		c.step(16)
	}
	for _, n := range []int{1, 16} {
		if got := testing.AllocsPerRun(500, func() { c.step(n) }); got != 0 {
			t.Errorf("%g allocations for %d requests", got, n)
		}
	}
}
