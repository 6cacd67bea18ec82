package plan

import (
	"testing"

	"sluice/batcher/policy"
)

// What costs less takes the requests that it answers in time, and none is lost by it; what it cannot take goes as it went.
func TestPreferCheapest(t *testing.T) {
	f := func(load string, prefer policy.Prefer, gpuPrice, low, high float64) {
		t.Helper()
		s := study(t, load, "gpu=1:2ms,32:12ms", "cpu=1:4ms,8:16ms")
		s.Fleet = []Group{{Kind: "gpu", Count: 1, Price: gpuPrice}, {Kind: "cpu", Count: 1, Lanes: 2, Price: 1}}
		s.Prefer, s.Budget, s.Length = prefer, 60*ms, 3e9
		o := run(t, s)
		part := 0.0
		for _, share := range o.Shares() {
			if share.Kind == "cpu" {
				part = share.Part
			}
		}
		if part < low || part > high || o.Attainment < 0.999 {
			t.Errorf("%s, %v, GPU at %v: %.3f on the CPU and %.4f in time, want %v to %v and all", load, prefer, gpuPrice, part, o.Attainment, low, high)
		}
	}
	f("poisson:100", policy.PreferOrder, 10, 0, 0)
	f("poisson:100", policy.PreferCheapest, 10, 0.99, 1)
	f("poisson:100", policy.PreferCheapest, 0.5, 0, 0.01)
	f("poisson:1500", policy.PreferCheapest, 10, 0.2, 0.9)
}
