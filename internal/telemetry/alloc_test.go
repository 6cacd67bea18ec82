//go:build !race

package telemetry

import (
	"testing"
	"time"

	"sluice/internal/fault"
)

func TestObservingAllocatesNothing(t *testing.T) {
	metrics := New("test")
	m := metrics.NewModel("digits", "1", 64)
	d := m.Device("cpu")
	got := testing.AllocsPerRun(1000, func() {
		m.ObserveRequest(&Request{Rows: 1, Total: time.Millisecond, Decode: 3000, Queue: 40_000, Run: 90_000, Encode: 2000})
		m.ObserveFault(fault.Overloaded, time.Microsecond)
		m.Drop("predicted_late")
		d.ObserveBatch(&Batch{Rows: 8, Run: 90_000, Predicted: 80_000})
		metrics.HTTP.Answered(200)
		metrics.HTTP.Refused(fault.NotFound)
		metrics.HTTP.Connected(1)
		metrics.HTTP.Connected(-1)
	})
	if got != 0 {
		t.Errorf("%g allocations, want 0", got)
	}
}

// BenchmarkRequest is all that metrics cost a request: its own observation, its share
// of a batch of eight, and the status of its answer.
func BenchmarkRequest(b *testing.B) {
	metrics := New("test")
	m := metrics.NewModel("digits", "1", 64)
	d := m.Device("cpu")
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			m.ObserveRequest(&Request{Rows: 1, Total: time.Millisecond, Decode: 3000, Queue: time.Duration(i&0xffff) * 16, Run: 90_000, Encode: 2000})
			metrics.HTTP.Answered(200)
			if i%8 == 0 {
				d.ObserveBatch(&Batch{Rows: 8, Run: 90_000, Predicted: 80_000})
			}
		}
	})
}
