package models

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// TestScheduleCounts wants exact numbers of looks, whatever the requests' sizes, and rows
// that the requests have.
func TestScheduleCounts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s schedule
		source := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		s.init(20, 120, 50, source.Uint64N)
		looks := 0
		for n := range 120 {
			rows := rapid.IntRange(1, 9).Draw(rt, "rows")
			row, due := s.due(rows, true)
			if row < 0 || row >= rows {
				rt.Fatalf("row %d of %d", row, rows)
			}
			if n < 20 && !due {
				rt.Fatalf("request %d is not due", n)
			}
			if due {
				looks++
			}
		}
		if looks != 20+10 {
			rt.Fatalf("%d looks at the first 120 requests, want 30", looks)
		}
		for range 200 * 50 {
			if _, due := s.due(1, true); due {
				looks++
			}
		}
		if looks != 30+200 {
			rt.Fatalf("%d looks, want 230", looks)
		}
	})
}

// TestScheduleOwes puts off some looks and wants every one of them, once there is room.
func TestScheduleOwes(t *testing.T) {
	var s schedule
	s.init(4, 24, 0, rand.Uint64N)
	f := func(requests int, room, postpone bool, want int) {
		t.Helper()
		looks := 0
		for range requests {
			if _, due := s.due(3, room); due {
				looks++
				if postpone {
					s.postpone()
				}
			}
		}
		if looks != want {
			t.Errorf("%d looks, want %d", looks, want)
		}
	}
	f(14, false, true, 5)
	if n := s.deferred.Load(); n != 5 {
		t.Errorf("%d looks were put off, want 5", n)
	}
	f(10, false, false, 1) // those that are owed wait for room
	f(3, true, false, 3)
	f(100, true, false, 2)
}

// TestScheduleUnderContention counts from several goroutines.
func TestScheduleUnderContention(t *testing.T) {
	var s schedule
	s.init(firstEach, firstTenth, 100, rand.Uint64N)
	var looks atomic.Int64
	var callers sync.WaitGroup
	const each, goroutines = 10_000, 8
	for range goroutines {
		callers.Go(func() {
			for range each {
				if _, due := s.due(1, true); due {
					looks.Add(1)
				}
			}
		})
	}
	callers.Wait()
	want := int64(firstEach + (firstTenth-firstEach)/tenth + (each*goroutines-firstTenth)/100)
	if n := looks.Load(); n < want-4 || n > want {
		t.Errorf("%d looks, want %d or a few less", n, want)
	}
}
