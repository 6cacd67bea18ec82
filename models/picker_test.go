package models

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// TestSamplerRate wants one row of every block, whatever the requests' sizes, and never
// one that the request does not have.
func TestSamplerRate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		every := rapid.IntRange(1, 50).Draw(rt, "every")
		sizes := rapid.SliceOfN(rapid.IntRange(1, every), 1, 300).Draw(rt, "rows of the requests")
		var s picker
		s.init(uint64(every), func(n uint64) uint64 { return uint64(rapid.IntRange(0, int(n)-1).Draw(rt, "drawn")) })
		rows, picked := 0, 0
		for _, n := range sizes {
			row, due := s.due(n)
			rows += n
			if !due {
				continue
			}
			picked++
			if row < 0 || row >= n {
				rt.Fatalf("row %d of a request of %d rows", row, n)
			}
		}
		// Whole blocks gave a row each, but for one that is still due; so may the last one.
		if whole := rows / every; picked < whole-1 || picked > whole+1 {
			rt.Fatalf("%d of %d rows at a rate of 1 in %d", picked, rows, every)
		}
	})
}

// TestSamplerPicksWhatWasDrawn shows that a block's row is the one drawn.
func TestSamplerPicksWhatWasDrawn(t *testing.T) {
	drawn := []uint64{3, 0, 9, 5, 5}
	var s picker
	s.init(10, func(uint64) uint64 {
		n := drawn[0]
		drawn = drawn[1:]
		return n
	})
	var picked []int
	for at := range 40 {
		if row, due := s.due(1); due {
			picked = append(picked, at+row)
		}
	}
	if want := []int{3, 10, 29, 35}; len(picked) != 4 || [4]int(picked) != [4]int(want) {
		t.Errorf("picked %v, want %v", picked, want)
	}
	drawn = []uint64{2, 4, 6, 8}
	s.init(10, s.draw)
	if row, due := s.due(8); !due || row != 2 {
		t.Errorf("row %d, %v of rows 0 to 7; want 2", row, due)
	}
	if row, due := s.due(35); !due || row != 6 {
		t.Errorf("row %d, %v of rows 8 to 42; want 6, which is row 14", row, due)
	}
	if row, due := s.due(1); !due || row != 0 {
		t.Errorf("row %d, %v of row 43 when row 26 is due; want 0", row, due)
	}
}

// TestSamplerRateUnderContention counts from several goroutines: no block gives two rows.
func TestSamplerRateUnderContention(t *testing.T) {
	var s picker
	s.init(100, rand.Uint64N)
	var picked atomic.Int64
	var callers sync.WaitGroup
	const each, goroutines = 20_000, 8
	for range goroutines {
		callers.Go(func() {
			for range each {
				if _, due := s.due(1); due {
					picked.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if n := picked.Load(); n < each*goroutines/100-2 || n > each*goroutines/100 {
		t.Errorf("%d of %d rows at a rate of 1 in 100", n, each*goroutines)
	}
}

// TestSamplerIsNotPeriodic wants a client that sends a block's rows again and again to
// have all of them looked at some time.
func TestSamplerIsNotPeriodic(t *testing.T) {
	var s picker
	source := rand.New(rand.NewPCG(1, 2))
	s.init(16, source.Uint64N)
	seen := map[int]int{}
	for i := range 16 * 400 {
		if _, due := s.due(1); due {
			seen[i%16]++
		}
	}
	for row := range 16 {
		if seen[row] < 5 {
			t.Errorf("row %d of the period was looked at %d times in 400 rounds", row, seen[row])
		}
	}
}
