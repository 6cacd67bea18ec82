package policy

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
)

// crowded has short and long items arrive at random, twice a millisecond, one of eight long.
func crowded(t fataler, opts ModelOptions, short, long int, budget time.Duration) *rig {
	t.Helper()
	opts.Name, opts.MaxBatch = "m", 32
	r := one(t, 1, opts, line(32, 100*time.Microsecond, 100*time.Microsecond))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		rows := short
		if rng.IntN(8) == 0 {
			rows = long
		}
		r.arrive(r.item(0, rows, budget))
		r.advance(r.now.Add(time.Duration(rng.ExpFloat64() * float64(time.Millisecond) / 2)))
	}
	return r
}

// Rows of 1 ms and budgets of three long runs and more: what an item leaves at a part of 0.5.
func TestShortRequestsLeaveRoomForLongOnes(t *testing.T) {
	r := one(t, 1, ModelOptions{MaxBatch: 32}, line(32, 0, ms))
	m := r.s.models[0]
	m.fair.part = 0.5
	m.fair.sizes.add(r.now, 32)
	f := func(name string, rows, whole int, budget, want time.Duration) {
		t.Helper()
		it := r.item(0, rows, budget)
		it.Whole = whole
		if got := m.room(m.on[0], it); got < want-time.Millisecond/10 || got > want+time.Millisecond/10 {
			t.Errorf("%s: room of %v, want %v", name, got, want)
		}
	}
	f("a row", 1, 0, 200*ms, 31*ms/2)
	f("half", 16, 0, 200*ms, 8*ms)
	f("the longest", 32, 0, 200*ms, 0)
	f("a part of a longer one", 1, 33, 200*ms, 0)
	f("a budget of less than three of the longest", 1, 0, 60*ms, 19*ms/2)
	f("of less than three of its own", 16, 0, 40*ms, 0)
	m.fair.part = fairMost
	f("no more than half of the budget", 1, 0, 96*ms, 48*ms)
	m.opts.UnfairRows = true
	if v := r.arrive(r.item(0, 1, 40*ms)); !v.Admitted {
		t.Errorf("switched off, and refused: %v", v.Reason)
	}
	r.settle()
}

func TestRoomFollowsWhatIsRefused(t *testing.T) {
	f := func(name string, part float64, long, short odds, want float64) {
		t.Helper()
		m := fairRows{part: part, long: long, short: short}
		if m.adjust(); m.part < want-1e-9 || m.part > want+1e-9 {
			t.Errorf("%s: the part is %g, want %g", name, m.part, want)
		}
	}
	f("long ones behind", 0.5, odds{10, 5}, odds{100, 12}, 0.5+fairGain*(0.38-fairGap))
	f("by little", 0.5, odds{10, 1}, odds{100, 6}, 0.5+fairGain*(0.04-fairGap))
	f("short ones behind", 0.01, odds{10, 0}, odds{100, 50}, 0)
	f("at most", fairMost, odds{10, 9}, odds{100, 0}, fairMost)
	f("hardly any long ones", 1, odds{4, 4}, odds{100, 0}, fairFall)
	f("no short ones", 1, odds{10, 4}, odds{}, fairFall)
}

func TestNobodyLeavesRoomWithoutNeed(t *testing.T) {
	f := func(name string, short, long int, budget time.Duration) {
		t.Helper()
		r := crowded(t, ModelOptions{}, short, long, budget)
		if m := r.s.models[0]; m.fair.part > 0.01 {
			t.Errorf("%s: the part is %g", name, m.fair.part)
		}
		r.settle()
	}
	f("equal rows", 8, 8, 12*ms)
	f("no overload", 1, 16, 12*ms)
	f("no budget holds three runs of a long one", 4, 32, 9*ms)
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
