package shadow

import (
	"math"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	for b := range octaves*perOctave - 1 {
		if from := lowest(b); bucketOf(from) != b || bucketOf(lowest(b+1)-1) != b || lowest(b+1) <= from {
			t.Fatalf("bucket %d begins at %d and the next one at %d", b, from, lowest(b+1))
		}
	}
	if bucketOf(-1) != 0 || bucketOf(math.MaxInt64) != octaves*perOctave-1 {
		t.Error("times beyond the ends have no bucket")
	}
}

func TestP99(t *testing.T) {
	var l traffic
	l.add(time.Second) // nobody measures
	l.begin()
	for i := range 10_000 {
		l.add(time.Duration(i) * time.Microsecond)
	}
	if n, p99 := l.end(); n != 10_000 || math.Abs(p99.Seconds()-0.0099) > 0.00002 {
		t.Errorf("%d answers with a p99 of %v", n, p99)
	}
	l.begin()
	if n, p99 := l.end(); n != 0 || p99 != 0 {
		t.Errorf("of nothing: %d, %v", n, p99)
	}
	l.begin()
	l.add(3 * time.Millisecond)
	if _, p99 := l.end(); p99 < 2950*time.Microsecond || p99 > 3050*time.Microsecond {
		t.Errorf("of one answer: %v", p99)
	}
	if n := testing.AllocsPerRun(100, func() { l.add(time.Millisecond) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
