//go:build !race

package accesslog

import (
	"net/netip"
	"testing"
	"time"

	"sluice/internal/clock"
)

func example() Entry {
	e := Entry{
		Why: Sampled, Arrived: clock.Now(), Peer: netip.MustParseAddrPort("10.1.2.3:40512"), Status: 200, Model: "eta", Version: "1", Device: "cpu", Rows: 1, Batch: 12,
		Budget: 100 * time.Millisecond, Decode: 7 * time.Microsecond, Queue: 181 * time.Microsecond, Run: 64 * time.Microsecond, Encode: 2 * time.Microsecond, Total: 300 * time.Microsecond,
		BytesIn: 1100, BytesOut: 130,
	}
	e.Describe([]byte("0af7651916cd43dd8448eb211c80319c"), []byte("POST"), []byte("/v2/models/eta/infer"))
	return e
}

// Neither the choice nor a line allocates.
func TestAllocations(t *testing.T) {
	l, _ := start(t, func(o *Options) { o.Sample = 0.01 })
	defer finish(t, l)
	if got := testing.AllocsPerRun(10_000, func() {
		if why := l.Pick(200, false, 300*time.Microsecond, 100*time.Millisecond); why != No {
			e := example()
			e.Why = why
			l.Put(&e)
		}
	}); got > 0 {
		t.Errorf("%v allocations for a choice", got)
	}
	enc, e := newEncoder(), example()
	if got := testing.AllocsPerRun(1000, func() {
		enc.begin()
		enc.out = enc.out[:0]
		enc.add(&e)
	}); got > 0 {
		t.Errorf("%v allocations for a line", got)
	}
}

// BenchmarkPick is what the log costs a request that is not written.
func BenchmarkPick(b *testing.B) {
	l, err := Start(Options{File: b.TempDir() + "/a", Sample: 0.01, Slow: 0.8, MaxPerSecond: 100})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Pick(200, false, 300*time.Microsecond, 100*time.Millisecond)
	}
	if err := l.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWritten is what it costs one that is: filling the entry, handing it over, its line.
func BenchmarkWritten(b *testing.B) {
	enc := newEncoder()
	l := &Log{on: true}
	b.ReportAllocs()
	for b.Loop() {
		e := example()
		l.Put(&e)
		l.mu.waiting = l.mu.waiting[:0]
		enc.begin()
		enc.out = enc.out[:0]
		enc.add(&e)
	}
}
