package serve

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Where durations are drawn alike, about one of a hundred is above the estimate, and it follows when they change.
func TestQuantile(t *testing.T) {
	var q quantile
	r := rand.New(rand.NewPCG(1, 2))
	f := func(scale time.Duration) {
		t.Helper()
		above, n := 0, 20_000
		for i := range 2 * n {
			d := time.Duration(r.ExpFloat64() * float64(scale))
			if i >= n && d > q.value() {
				above++
			}
			q.observe(d)
		}
		if share := float64(above) / float64(n); share < 0.005 || share > 0.015 {
			t.Errorf("%v: %.4f are above %v", scale, share, q.value())
		}
	}
	f(time.Millisecond)
	f(20 * time.Millisecond)
	f(100 * time.Microsecond)
}
