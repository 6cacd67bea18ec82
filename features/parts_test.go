package features

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func TestHistogramBounds(t *testing.T) {
	for b := range buckets - 1 {
		if v := UpTo(b); bucketOf(v-1) != b || bucketOf(v) != b+1 {
			t.Errorf("bucket %d ends at %d, but %d is in %d and %d in %d", b, v, v-1, bucketOf(v-1), v, bucketOf(v))
		}
	}
	f := func(v int64, want int) {
		t.Helper()
		if got := bucketOf(v); got != want {
			t.Errorf("%d is in bucket %d, want %d", v, got, want)
		}
	}
	f(-1, 0)
	f(0, 0)
	f(1<<62, buckets-1)
}

func TestHistogramQuantiles(t *testing.T) {
	var h histogram
	if q := h.read().Quantile(0.5); q != 0 {
		t.Error(q)
	}
	for i := range int64(1000) {
		h.add(1000 * i)
	}
	r := h.read()
	if r.Count() != 1000 || r.Sum != 499_500_000 {
		t.Error(r.Count(), r.Sum)
	}
	f := func(share float64, value int64) {
		t.Helper()
		if q := r.Quantile(share); q <= value || q > value+value/4+UpTo(0) {
			t.Errorf("quantile %v is %d, of %d", share, q, value)
		}
	}
	f(0, 0)
	f(0.5, 500_000)
	f(0.99, 990_000)
	f(1, 999_000)
}

func TestRecentFollowsTheStore(t *testing.T) {
	var r recent
	slow := func(n int, d time.Duration) (last time.Duration) {
		for range n {
			if s, ok := r.add(d); ok {
				last = s
			}
		}
		return last
	}
	if s := slow(99, time.Millisecond); s != 0 {
		t.Errorf("%v is known of 99 reads", s)
	}
	near := func(got, want time.Duration) {
		t.Helper()
		if got < want || got > want*5/4 {
			t.Errorf("99 of 100 take %v, want about %v", got, want)
		}
	}
	near(slow(400, time.Millisecond), time.Millisecond)
	near(slow(20, 8*time.Millisecond), 8*time.Millisecond)
	near(slow(4000, 2*time.Millisecond), 2*time.Millisecond)
}

func TestIndexFindsAll(t *testing.T) {
	var x index
	hashes := make([]uint64, 100)
	x.reset(len(hashes))
	for i := range hashes {
		hashes[i] = rand.Uint64N(20) // many share a cell
		x.add(hashes[i], i)
	}
	for i, h := range hashes {
		c := x.first(h)
		for x.at(c) != i {
			if x.at(c) < 0 {
				t.Fatalf("number %d is not found", i)
			}
			c = x.next(c)
		}
	}
	if !x.fits(128) || x.fits(129) {
		t.Errorf("%d cells", len(x.cells))
	}
	x.reset(1)
	if x.at(x.first(hashes[0])) != -1 {
		t.Error("it was not emptied")
	}
}

// TestSamplesAreGeometric holds the shares of short skips, and their mean, to those of a chance of 1 in sampledOf.
func TestSamplesAreGeometric(t *testing.T) {
	const draws = 200_000
	var counts [4]float64
	sum := 0.0
	for range draws {
		skip := nextSample()
		sum += float64(skip)
		if int(skip) < len(counts) {
			counts[skip]++
		}
	}
	if mean := sum / draws; math.Abs(mean-(sampledOf-1)) > 0.3 { // eight standard errors
		t.Errorf("%v are skipped in the mean, want %d", mean, sampledOf-1)
	}
	want := draws / float64(sampledOf)
	for skip, n := range counts {
		if math.Abs(n-want) > 6*math.Sqrt(want) {
			t.Errorf("%d are skipped %v times, want %v", skip, n, want)
		}
		want *= 1 - 1.0/sampledOf
	}
}

func TestHotKeysAreFound(t *testing.T) {
	var h hotKeys
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 10_000 {
		id := int64(random.IntN(5000)) + 100
		switch {
		case i%5 == 0:
			id = 7
		case i%11 == 0:
			id = 8
		}
		h.add(uint64(id), key(id))
	}
	got := h.read()
	if len(got) != hotCounted || number(got[0].Key) != 7 || number(got[1].Key) != 8 {
		t.Fatalf("%d keys, first %v", len(got), got[0])
	}
	f := func(k HotKey, times uint64) {
		t.Helper()
		if k.AtLeast > times*sampledOf || k.Count < times*sampledOf {
			t.Errorf("key %d was counted %d times, which is not between %d and %d", number(k.Key), times*sampledOf, k.AtLeast, k.Count)
		}
	}
	f(got[0], 2000)
	f(got[1], 728)
	h.add(9, make([]byte, hotKeyMost+1))
	for range hotSamples {
		h.add(9, key(9))
	}
	if got := h.read(); number(got[0].Key) != 9 || got[1].AtLeast > 2000*sampledOf/2 {
		t.Errorf("old counts do not fade: %v, %v", got[0], got[1])
	}
}

func TestLimitIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimit()
		for range 3 {
			l.arm(5 * time.Millisecond)
			time.Sleep(4 * time.Millisecond)
			if until, ok := l.Deadline(); !ok || time.Until(until) != time.Millisecond || l.Err() != nil || l.Value(1) != nil {
				t.Error(until, ok, l.Err())
			}
			if l.disarm() {
				t.Error("it has ended")
			}
			time.Sleep(2 * time.Millisecond)
		}
		l.arm(5 * time.Millisecond)
		child, cancel := context.WithCancel(l)
		defer cancel()
		begun := time.Now()
		<-child.Done()
		if time.Since(begun) != 5*time.Millisecond || !errors.Is(l.Err(), context.DeadlineExceeded) || !l.disarm() {
			t.Error(time.Since(begun), l.Err())
		}
	})
}
