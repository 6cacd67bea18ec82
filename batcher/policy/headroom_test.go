package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
)

// Broken promises to short budgets leave these a headroom. It never takes more of a budget than a quarter of
// what the run leaves, nor anything of a long one, and goes when promises are kept.
func TestHeadroomFollowsBrokenPromises(t *testing.T) {
	r := one(t, 1, ModelOptions{Name: "m", MaxBatch: 8}, line(8, ms, ms/10))
	m := ModelID(0)
	in := r.s.models[m].on[0]
	it := func(budget time.Duration) *Item {
		return &Item{Model: m, Rows: 1, Arrived: 1000, Deadline: clock.Instant(1000).Add(budget)}
	}
	if got := in.headroom(it(5 * ms)); got != 0 {
		t.Errorf("a headroom of %v before a promise was broken", got)
	}
	for range 10 {
		in.keep(it(keepsFrom*in.fullRun), clock.Never)
	}
	if got := in.headroom(it(5 * ms)); got != 0 {
		t.Errorf("a headroom of %v after promises to long budgets", got)
	}
	for range 10 {
		in.keep(it(5*ms), clock.Never)
		in.keep(it(5*ms), clock.Instant(10*ms))
	}
	if got := in.headroom(it(5 * ms)); got != 0 {
		t.Errorf("a headroom of %v after what no headroom cures", got)
	}
	for range 10 {
		in.keep(it(5*ms), 1001+clock.Instant(5*ms))
	}
	if got := in.headroom(it(5 * ms)); got < 200*time.Microsecond || got > 250*time.Microsecond {
		t.Errorf("a headroom of %v after ten broken promises", got)
	}
	for range 10 {
		in.keep(it(5*ms), 1001+clock.Instant(5*ms))
		for range 2 {
			in.keep(it(5*ms), clock.Never)
		}
	}
	if got := in.headroom(it(5 * ms)); got > 250*time.Microsecond {
		t.Errorf("a headroom of %v where as much is lost that it does not cure", got)
	}
	for range 1000 {
		in.keep(it(5*ms), 1001+clock.Instant(5*ms))
	}
	alone := in.idle(1)
	for _, budget := range []time.Duration{alone / 2, alone, 2 * alone, 5 * ms} {
		if got, most := in.headroom(it(budget)), min(max(budget-alone, 0)/headroomPart, headroomMost); got != most {
			t.Errorf("a headroom of %v in a budget of %v with nothing but broken promises, want %v", got, budget, most)
		}
	}
	if got := in.headroom(it(keepsFrom * in.fullRun)); got != 0 {
		t.Errorf("a headroom of %v in a long budget", got)
	}
	for range 100_000 {
		in.keep(it(5*ms), 1000)
	}
	if got := in.headroom(it(5 * ms)); got != 0 {
		t.Errorf("a headroom of %v when all promises are kept", got)
	}
}
