package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"sluice/features/store"
)

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		p := newPace(1000)
		// f wants the next rows to go so long after the beginning.
		f := func(rows int, want time.Duration) {
			t.Helper()
			if err := p.wait(t.Context(), rows); err != nil || time.Since(begun) != want {
				t.Errorf("%d rows go after %v, %v; want %v", rows, time.Since(begun), err, want)
			}
		}
		f(500, 0)
		f(100, 500*time.Millisecond)
		f(1, 600*time.Millisecond)
		time.Sleep(time.Second)
		f(10, 1600*time.Millisecond)
		f(10, 1610*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever the memory, the order is that of the keys, and of one key the newest and last row stays.
func TestSorts(t *testing.T) {
	s := spec(t, simpleSpec)
	draw := rand.New(rand.NewPCG(7, 7))
	for _, n := range []int{0, 1, 2, 1000, 5000} {
		for _, limit := range []int{1 << 30, 20_000, 100} {
			sorter := sorter{folder: t.TempDir(), limit: limit}
			want := map[string][]byte{}
			for i := range n {
				r := row(t, s, draw.Int64N(int64(n)), draw.Int64N(4), float64(i))
				if err := sorter.add(r); err != nil {
					t.Fatal(err)
				}
				if old, there := want[string(r.Key)]; !there || !newerThan(old, r.Value) {
					want[string(r.Key)] = r.Value
				}
			}
			if err := sorter.finish(); err != nil {
				t.Fatal(err)
			}
			if spilled := n*60 > limit; (len(sorter.runs) > 0) != spilled {
				t.Errorf("%d rows in %d bytes: %d runs", n, limit, len(sorter.runs))
			}
			for range 2 {
				got, last := 0, ""
				err := sorter.each(func(r store.Record) error {
					if string(r.Key) <= last && got > 0 || string(want[string(r.Key)]) != string(r.Value) {
						t.Errorf("%d rows in %d bytes: %x=%x behind %x, want %x", n, limit, r.Key, r.Value, last, want[string(r.Key)])
					}
					got, last = got+1, string(r.Key)
					return nil
				})
				if err != nil || got != len(want) {
					t.Errorf("%d rows in %d bytes: %d, %v; want %d", n, limit, got, err, len(want))
				}
			}
			if left, _ := os.ReadDir(sorter.folder); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			if err := sorter.close(); err != nil {
				t.Error(err)
			}
		}
	}
}
