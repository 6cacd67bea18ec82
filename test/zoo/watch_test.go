package zoo

import (
	"slices"
	"testing"

	"sluice/internal/longtest"
)

// blindFlags are the linker's flags for a gateway that believes of every model that its rows
// are independent: neither proof nor test has a say, so that the watch alone is left. No
// setting does that; main.blind is there for this test.
const blindFlags = "-X main.blind=yes"

const (
	// stopWithin is how many requests may share batches before the watch has stopped a model.
	stopWithin = 200
	// late are those that may follow: what was queued, and what came while a comparison waited
	// for a lane.
	late = 4 * clients
	// leastDiffers is the share of batched rows that differ from which the watch has to act.
	leastDiffers = 0.05
	// leastWatched is how many models have to share batches at all for the test to tell something.
	leastWatched = 40
)

// TestWatchStopsTraps switches proof and test off and wants the live watch to stop each model
// whose rows change each other.
func TestWatchStopsTraps(t *testing.T) {
	longtest.Skip(t)
	var models []*model
	for _, m := range shelf(t, "traps") {
		if m.Differs >= leastDiffers && m.rowwise() {
			models = append(models, m)
		}
	}
	g := startGateway(t, link(t, "sluice-blind", blindFlags), models)
	watched := 0
	for _, m := range models {
		t.Run(m.Name, func(t *testing.T) {
			if g.stopped(t, m) {
				watched++
			} else {
				t.Log("never shared a batch")
			}
		})
	}
	t.Logf("%d of %d models shared batches before they were stopped", watched, len(models))
	if watched < leastWatched {
		t.Errorf("%d models shared batches, of %d wanted: are proof and test off (%s)?", watched, leastWatched, blindFlags)
	}
}

// rowwise tells whether every output has a row for each row in. Where it has not, runs of
// several requests fail instead of answering otherwise, and there is nothing to compare.
func (m *model) rowwise() bool {
	return !slices.ContainsFunc(m.cases, func(e exchange) bool {
		return slices.ContainsFunc(e.outputs, func(o tensor) bool { return len(o.Shape) == 0 || o.rows() != e.rows() })
	})
}

// stopped asks a model until the gateway says that the watch has stopped it, wants that soon,
// and all answers right from then on. It tells whether requests ever shared a batch.
func (g *gateway) stopped(t *testing.T, m *model) bool {
	t.Helper()
	if s := g.state(m.Name); s.State != "READY" {
		t.Errorf("not served (%s): %s", s.State, s.Reason)
		return false
	}
	var before tally
	for !g.degraded(m.Name) && before.shared <= stopWithin+late && before.asked < 4000 {
		g.together(m, 1, &before)
	}
	switch {
	case before.shared > stopWithin+late:
		t.Errorf("%d of %d requests have shared batches and still do, %d of them answered wrong", before.shared, before.asked, before.wrong)
		return true
	case before.shared == 0:
		if before.wrong > 0 {
			t.Errorf("%d of %d requests went wrong alone: %q", before.wrong, before.asked, before.first)
		}
		return false
	case !g.degraded(m.Name):
		t.Errorf("readiness says nothing of it after %d requests, of which %d shared a batch and %d went wrong", before.asked, before.shared, before.wrong)
		return true
	}
	var after tally
	g.together(m, rounds, &after)
	if after.wrong > 0 || after.shared > 0 {
		t.Errorf("after it was stopped %d of %d requests shared a batch and %d went wrong: %q", after.shared, after.asked, after.wrong, after.first)
	}
	return true
}
