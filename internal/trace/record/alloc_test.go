//go:build !race

package record

import (
	"context"
	"path/filepath"
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

// BenchmarkArrived is what recording costs a request, with others recorded beside it. More come
// than in any life, so that most find the ring full; BenchmarkRing has the cost of the others.
func BenchmarkArrived(b *testing.B) {
	for name, p := range map[string]*trace.Payload{"alone": nil, "payload": {Protocol: "v2", Header: -1, Body: make([]byte, 3000)}} {
		b.Run(name, func(b *testing.B) {
			r, err := Start(Options{Path: filepath.Join(b.TempDir(), "a.jsonl"), Payloads: true})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r.Arrived(&Arrival{At: clock.Now(), Model: "a", Rows: 8, Dims: 2}, p)
				}
			})
			if err := r.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkRing(b *testing.B) {
	ring := newRing(ringSize)
	a := Arrival{Model: "a", Rows: 8, Dims: 2}
	b.ReportAllocs()
	for b.Loop() {
		ring.tryPut(&a)
		ring.take(&a)
	}
}
