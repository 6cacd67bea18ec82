package loadtest

import (
	"math"
	"runtime/debug"
	"testing"
)

// The collector rests while any run goes on, and is as it was afterwards.
func TestRestCollector(t *testing.T) {
	percent, limit := debug.SetGCPercent(137), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	rests := func(want bool) {
		t.Helper()
		now := debug.SetGCPercent(-1)
		debug.SetGCPercent(now)
		if (now < 0) != want {
			t.Errorf("the collector's percentage is %d", now)
		}
	}
	rests(false)
	one := restCollector()
	rests(true)
	if l := debug.SetMemoryLimit(-1); l < headroom || l == math.MaxInt64 {
		t.Errorf("it comes back at %d bytes", l)
	}
	other := restCollector()
	one()
	rests(true)
	other()
	rests(false)
	if now := debug.SetGCPercent(137); now != 137 {
		t.Errorf("the percentage is %d, and was 137", now)
	}
	if l := debug.SetMemoryLimit(-1); l != limit {
		t.Errorf("the limit is %d, and was %d", l, limit)
	}
	const low = 32 << 20 // of the process's own: it stays
	debug.SetMemoryLimit(low)
	back := restCollector()
	if l := debug.SetMemoryLimit(-1); l != low {
		t.Errorf("the limit is %d, where the process's own is %d", l, low)
	}
	back()
}
