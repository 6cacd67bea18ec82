package memory

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is done with buffers, they hold what was put into them, the budget is not exceeded, what
// they take is counted but for the uncounted, and all of it is given back.
func TestBuffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := NewBudget(rapid.Int64Range(0, 8<<20).Draw(t, "budget"))
		most := rapid.IntRange(1, 3<<20).Draw(t, "most")
		buffers := make([]Buffer, 3)
		want := make([][]byte, len(buffers))
		next := byte(0)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			i := rapid.IntRange(0, len(buffers)-1).Draw(t, "which")
			b := &buffers[i]
			n := min(rapid.IntRange(1, 1<<rapid.IntRange(1, 21).Draw(t, "bits")).Draw(t, "bytes"), most-len(want[i]))
			next++
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				b.Release()
				want[i] = want[i][:0]
			case 1:
				moved := b.Move()
				if len(b.Bytes) > 0 || b.hold.Bytes() > 0 {
					t.Fatal("a buffer that was handed on is not empty")
				}
				*b = moved
			case 2:
				if n < 1 {
					continue
				}
				room := b.Room(budget, most-len(want[i]))
				if room == nil {
					continue
				}
				if len(room) > most-len(want[i]) {
					t.Fatalf("room for %d bytes, more than %d", len(room), most-len(want[i]))
				}
				n = min(n, len(room))
				for k := range room[:n] {
					room[k] = next
				}
				b.Extend(n)
				want[i] = append(want[i], bytes.Repeat([]byte{next}, n)...)
			default:
				if n < 1 {
					continue
				}
				piece := bytes.Repeat([]byte{next}, n)
				if b.Append(budget, piece, most) {
					want[i] = append(want[i], piece...)
				}
			}
			taken := int64(0)
			for k := range buffers {
				if !bytes.Equal(buffers[k].Bytes, want[k]) {
					t.Fatalf("buffer %d holds %d bytes that are not the %d which it was given", k, len(buffers[k].Bytes), len(want[k]))
				}
				if c := int64(cap(buffers[k].Bytes)); c > Uncounted {
					taken += c
				}
			}
			if budget.Used() < taken || budget.Used() > budget.Limit() {
				t.Fatalf("%d bytes are taken, %d counted, of %d", taken, budget.Used(), budget.Limit())
			}
		}
		for i := range buffers {
			buffers[i].Release()
		}
		if budget.Used() != 0 {
			t.Fatalf("%d bytes are lost", budget.Used())
		}
	})
}

// A body that comes in pieces takes no more than twice what has come.
func TestBufferTakesWhatComes(t *testing.T) {
	budget := NewBudget(1 << 40)
	var b Buffer
	const announced = 64 << 20
	for _, n := range []int{100, 5000, 60_000, 1 << 20, 5 << 20} {
		for len(b.Bytes) < n {
			room := b.Room(budget, announced-len(b.Bytes))
			b.Extend(min(len(room), n-len(b.Bytes)))
		}
		if taken := cap(b.Bytes); taken > max(2*n, Uncounted) || budget.Used() > int64(max(2*n, 0)) {
			t.Errorf("of %d bytes, %d have come and take %d (%d counted)", announced, n, taken, budget.Used())
		}
	}
	b.Release()
	for n, want := range map[int]int{0: 0, 1: 0, 4096: 0, 4097: 1, 8192: 1, 8193: 2, 1 << 20: 8, 1<<20 + 1: 9} {
		if got := sizeClass(n); got != want {
			t.Errorf("%d bytes are of class %d, want %d", n, got, want)
		}
	}
}
