package batcher

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
)

// crowded has short and long items arrive in turns at a load that leaves no room for the long ones.
func crowded(t fataler, opts ModelOptions, short, long int, budget time.Duration) *rig {
	t.Helper()
	opts.Name, opts.MaxBatch = "m", 32
	r := one(t, 1, opts, line(32, 100*time.Microsecond, 100*time.Microsecond))
	for i := range 4000 {
		rows := short
		if i%8 == 0 {
			rows = long
		}
		r.arrive(r.item(0, rows, budget))
		r.advance(r.now.Add(time.Millisecond / 2))
	}
	return r
}

func TestShortRequestsLeaveRoomForLongOnes(t *testing.T) {
	f := func(name string, opts ModelOptions, short, long int, budget time.Duration, leaves bool) {
		t.Helper()
		r := crowded(t, opts, short, long, budget)
		m := r.s.models[0]
		it := r.item(0, short, budget)
		if room := m.room(m.on[0], it); (room > 0) != leaves || room > budget/2 {
			t.Errorf("%s: an item of %d rows leaves room of %v (part %.2f, refused %.2f of long, %.2f of short)", name, short, room, m.fair.part,
				m.fair.long.refused/m.fair.long.all, m.fair.short.refused/m.fair.short.all)
		}
		if it := r.item(0, long, budget); m.room(m.on[0], it) > 0 {
			t.Errorf("%s: an item of %d rows leaves room", name, long)
		}
		r.settle()
	}
	f("overload", ModelOptions{}, 4, 32, 12*ms, true)
	f("switched off", ModelOptions{UnfairRows: true}, 4, 32, 12*ms, false)
	f("budgets of less than three long runs", ModelOptions{}, 4, 32, 9*ms, false)
	f("equal rows", ModelOptions{}, 8, 8, 12*ms, false)
	f("no overload", ModelOptions{}, 1, 16, 12*ms, false)
}

// While long items are not refused more often than short ones no room is left.
func TestNoRoomIsLeftForNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f fairRows
		now := clock.Instant(0)
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			refused := rapid.Float64Range(0, 1).Draw(t, "refused")
			f.long = odds{rapid.Float64Range(0, 100).Draw(t, "long"), 0}
			f.short = odds{rapid.Float64Range(0, 100).Draw(t, "short"), 0}
			f.long.refused, f.short.refused = f.long.all*refused, f.short.all*refused
			before := f.part
			f.adjust()
			if f.part > before {
				t.Fatalf("the part rose from %g to %g although both are refused alike", before, f.part)
			}
			now = now.Add(fairEvery)
		}
		if f.part != 0 {
			t.Fatalf("the part is %g", f.part)
		}
	})
}

// A request that is larger than a batch leaves no room, whatever its parts are.
func TestPartsLeaveNoRoom(t *testing.T) {
	r := crowded(t, ModelOptions{}, 4, 32, 12*ms)
	m := r.s.models[0]
	it := r.item(0, 1, 12*ms)
	it.Whole = 33
	if room := m.room(m.on[0], it); room != 0 {
		t.Errorf("the last row of a request of 33 leaves room of %v", room)
	}
	r.settle()
}
