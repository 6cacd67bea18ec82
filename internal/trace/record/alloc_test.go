//go:build !race

package record

import (
	"context"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/trace"
)

// Recording allocates nothing on the request path, whether the ring takes the arrival or not. In a bubble
// whoever writes the file waits while arrivals are told, so that what is counted is theirs alone.
func TestArrivedAllocations(t *testing.T) {
	// The pools lose what they hold when the collector runs, and when the number of processors changes.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const runs = 5000
	id := []byte("0af7651916cd43dd8448eb211c80319c")
	for name, p := range map[string]*trace.Payload{"alone": nil, "payload": {Protocol: "v2", Type: "application/json", Header: -1, Body: make([]byte, 3000)}} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := start(t, Options{Payloads: true})
			defer finish(t, r)
			put := func() {
				a := Arrival{At: clock.Now(), Model: "a", Rows: 8, Dims: 2, Version: "3", Fault: fault.Overloaded, Late: true}
				a.SetID(id)
				r.Arrived(&a, p)
			}
			count := func(dropped bool) {
				t.Helper()
				before, got := r.Stats().Dropped, 1.0
				for try := 0; try < 3 && got != 0; try++ { // on a busy machine the writer may get in between
					got = testing.AllocsPerRun(runs, put)
				}
				if got != 0 || (r.Stats().Dropped > before) != dropped {
					t.Errorf("%s: %v allocations, %d of %d dropped", name, got, r.Stats().Dropped-before, runs)
				}
			}
			for range runs + 1 { // until the pools are filled
				put()
			}
			time.Sleep(time.Second) // all is written
			count(false)
			for range ringSize { // until the ring is full
				put()
			}
			count(true)
		})
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
