package unit

import (
	"math"
	"strconv"
	"testing"
)

// The values are of the reference implementation over the salt, a zero byte and the unit.
func TestHashIsXXH64(t *testing.T) {
	for _, c := range []struct {
		salt, unit string
		want       uint64
	}{
		{"", "", 0xe934a84adb052768},
		{"ranker", "42", 0xacf1e5ed622f7d23},
		{"ranker", "a longer unit, of more than the thirty-two bytes of one stripe", 0xb67b7dc614ac30fd},
	} {
		if got := Hash(c.salt, []byte(c.unit)); got != c.want {
			t.Errorf("Hash(%q, %q) = %#x, want %#x", c.salt, c.unit, got, c.want)
		}
	}
}

// Over a million units each share is met within three standard errors, and one that grows keeps its units.
func TestShares(t *testing.T) {
	const n = 1_000_000
	shares := []float64{0.01, 0.05, 0.25, 0.5, 1}
	counts := make([]int, len(shares))
	var room [20]byte
	for i := range n {
		bucket := Bucket(Hash("ranker", strconv.AppendInt(room[:0], int64(i), 10)))
		before := false
		for k, share := range shares {
			buckets, ok := Share(share)
			if !ok {
				t.Fatalf("%v is no share", share)
			}
			in := bucket < buckets
			if before && !in {
				t.Fatalf("unit %d left when the share grew to %v", i, share)
			}
			if before = in; in {
				counts[k]++
			}
		}
	}
	for k, share := range shares {
		off, most := math.Abs(float64(counts[k])-n*share), 3*math.Sqrt(n*share*(1-share))
		t.Logf("share %v: %d of %d units, off by %.0f, three standard errors are %.0f", share, counts[k], n, off, most)
		if off > most {
			t.Errorf("share %v has %d of %d units", share, counts[k], n)
		}
	}
}

// Units of one share are spread over another salt's buckets as all units are.
func TestSaltsAreIndependent(t *testing.T) {
	const n = 200_000
	both, one := 0, 0
	var room [20]byte
	for i := range n {
		u := strconv.AppendInt(room[:0], int64(i), 10)
		if Bucket(Hash("ranker", u)) < Buckets/20 {
			if one++; Bucket(Hash("ranker/mirror", u)) < Buckets/20 {
				both++
			}
		}
	}
	p := float64(one) / n * 0.05
	if off := math.Abs(float64(both) - n*p); off > 3*math.Sqrt(n*p) {
		t.Errorf("%d of %d units are in both shares of 5 %%, want about %.0f", both, n, n*p)
	}
}

func TestShareIsAWholeNumberOfBuckets(t *testing.T) {
	for share, want := range map[float64]int{0: 0, 0.0001: 1, 0.07: 700, 0.3333: 3333, 1: Buckets} {
		if got, ok := Share(share); got != want || !ok || OfBuckets(got) != share {
			t.Errorf("Share(%v) = %d, %v, and back %v; want %d", share, got, ok, OfBuckets(got), want)
		}
	}
	for _, share := range []float64{-0.1, 1.1, 0.00005, 0.33333, math.NaN(), math.Inf(1)} {
		if got, ok := Share(share); ok {
			t.Errorf("Share(%v) = %d, want it refused", share, got)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	u := []byte("consumer-1234567890")
	b.ReportAllocs()
	for b.Loop() {
		_ = Hash("ranker", u)
	}
}
