//go:build !race

package record

import (
	"testing"

	"sluice/internal/clock"
	"sluice/internal/trace"
)

// Recording allocates nothing on the request path, whether the ring takes the arrival or not.
func TestArrivedAllocations(t *testing.T) {
	r, _ := start(t, Options{Payloads: true})
	defer finish(t, r)
	body := make([]byte, 3000)
	for _, p := range []*trace.Payload{nil, {Protocol: "v2", Type: "application/json", Header: -1, Body: body}} {
		put := func() {
			a := Arrival{At: clock.Now(), Model: "a", Rows: 8, Dims: 2}
			r.Arrived(&a, p)
		}
		for range 2 * ringSize { // until the pools are filled
			put()
		}
		if got := testing.AllocsPerRun(5000, put); got > 0.1 {
			t.Errorf("%v allocations with the payload %.60v", got, p)
		}
	}
}

func BenchmarkArrived(b *testing.B) {
	ring := newRing(ringSize)
	a := Arrival{Model: "a", Rows: 8, Dims: 2}
	b.ReportAllocs()
	for b.Loop() {
		ring.tryPut(&a)
		ring.take(&a)
	}
}
