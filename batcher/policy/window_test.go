package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
)

// linear predicts 10 + rows.
func linear(rows int) time.Duration { return time.Duration(10 + rows) }

type member struct{ due, rows int }

func ones(due ...int) []member {
	m := make([]member, len(due))
	for i, d := range due {
		m[i] = member{d, 1}
	}
	return m
}

func TestCut(t *testing.T) {
	spare := time.Duration(0)
	f := func(name string, members []member, target, limit int, drops, items, rows int) {
		t.Helper()
		var q queue
		for i, m := range members {
			q.push(&Item{Deadline: clock.Instant(100 + m.due), Rows: m.rows}, uint32(7919*i))
		}
		w := cut(&q, 100, target, limit, linear, func(*Item) time.Duration { return spare })
		if w.drops != drops || w.items != items || w.rows != rows {
			t.Errorf("%s: drops %d, takes %d items of %d rows; want %d, %d, %d", name, w.drops, w.items, w.rows, drops, items, rows)
		}
	}
	f("one that fits", ones(11), 1, 8, 0, 1, 1)
	f("one that is a tick too late", ones(10), 1, 8, 1, 0, 0)
	f("all that wait", ones(50, 50, 50), 1, 8, 0, 3, 3)
	f("no more than the limit", ones(50, 50, 50, 50), 1, 3, 0, 3, 3)
	f("grows only while the first makes it", ones(12, 50, 50), 1, 8, 0, 2, 2)
	f("gives up the first where it does not survive the target", ones(12, 50, 50, 50), 4, 8, 1, 3, 3)
	f("does not where little is left", ones(11, 12), 8, 8, 1, 1, 1)
	f("keeps it where the target is small", ones(12, 50, 50, 50), 1, 8, 0, 2, 2)
	f("gives up several", ones(11, 12, 12, 50, 50), 4, 4, 3, 2, 2)
	f("counts rows, not items", []member{{50, 3}, {50, 3}, {50, 3}}, 1, 8, 0, 2, 6)
	f("runs an item beyond the limit alone", []member{{50, 8}, {50, 1}}, 1, 4, 0, 1, 8)
	f("a large item counts with its own rows", []member{{15, 6}, {50, 1}}, 1, 8, 1, 1, 1)
	f("serves the head where the rest cannot run at all", []member{{12, 1}, {13, 8}}, 9, 9, 0, 1, 1)
	f("nothing in an empty queue", nil, 1, 8, 0, 0, 0)
	spare = 2
	f("leaves the first its headroom", ones(15, 50, 50, 50, 50), 1, 8, 0, 3, 3)
	f("which is no reason to stay below the target", ones(15, 50, 50, 50, 50), 4, 8, 0, 4, 4)
	f("nor to give up what fits without", ones(11), 1, 8, 0, 1, 1)
}
