package policy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/clock"
)

// A queue must do what a sorted slice does.
func TestQueueIsASortedSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(SchedulerOptions{})
		var q queue
		var want []*Item
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if len(want) > 0 && rapid.IntRange(0, 2).Draw(t, "what") == 0 {
				i := rapid.IntRange(0, len(want)-1).Draw(t, "which")
				q.remove(want[i])
				want = slices.Delete(want, i, i+1)
			} else {
				it := &Item{Deadline: clock.Instant(rapid.IntRange(0, 30).Draw(t, "deadline")), Rows: rapid.IntRange(1, 9).Draw(t, "rows")}
				q.push(it, s.rand())
				at := len(want)
				for at > 0 && want[at-1].Deadline > it.Deadline {
					at--
				}
				want = slices.Insert(want, at, it)
			}
			checkQueue(t, &q, want)
			d := clock.Instant(rapid.IntRange(-1, 31).Draw(t, "until"))
			rows := 0
			for _, it := range want {
				if it.Deadline <= d {
					rows += it.Rows
				}
			}
			if got := q.rowsUntil(d); got != rows {
				t.Fatalf("rowsUntil(%d) = %d, want %d", d, got, rows)
			}
		}
	})
}

func checkQueue(t *rapid.T, q *queue, want []*Item) {
	var forth, back []*Item
	rows := 0
	for it := q.head; it != nil; it = it.next {
		forth = append(forth, it)
		rows += it.Rows
	}
	for it := q.tail; it != nil; it = it.prev {
		back = append(back, it)
	}
	slices.Reverse(back)
	if !slices.Equal(forth, want) || !slices.Equal(back, want) {
		t.Fatalf("order differs from the sorted slice's")
	}
	if q.items != len(want) || q.rows != rows {
		t.Fatalf("%d items of %d rows, want %d of %d", q.items, q.rows, len(want), rows)
	}
	var inOrder []*Item
	walk(q.root, &inOrder)
	if !slices.Equal(inOrder, want) {
		t.Fatalf("the tree's order differs from the list's")
	}
}

func walk(n *Item, out *[]*Item) {
	if n != nil {
		walk(n.left, out)
		*out = append(*out, n)
		walk(n.right, out)
	}
}

// The tree must stay shallow, also under appends, which are all but all insertions.
func TestQueueStaysBalanced(t *testing.T) {
	s := New(SchedulerOptions{})
	var q queue
	items := make([]Item, 4096)
	for i := range items {
		items[i].Rows, items[i].Deadline = 1, clock.Instant(i)
		q.push(&items[i], s.rand())
	}
	var depth func(n *Item) int
	depth = func(n *Item) int {
		if n == nil {
			return 0
		}
		return 1 + max(depth(n.left), depth(n.right))
	}
	if d := depth(q.root); d > 48 {
		t.Errorf("%d levels for %d items", d, len(items))
	}
}
