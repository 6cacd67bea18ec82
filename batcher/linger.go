package batcher

import (
	"time"

	"sluice/internal/clock"
)

// linger holds an idle lane back for a moment in which a batch worth running comes
// together. Callers that were answered together come back together, one by one: a lane
// that takes the first of them runs it alone, while the others queue behind it. So on a
// crowded device a lane that falls idle, or is offered work, waits until half of a typical
// batch is there, or for Options.Linger at the longest. Nothing is waited for when requests
// come singly: then a typical batch is one row.
//
// All fields are guarded by Batcher.mu.
type linger struct {
	typical float64       // rows of a batch, averaged
	lane    *executor     // held back; nil if none
	until   clock.Instant // when it goes ahead all the same
}

// lingerDecay is the weight of the newest batch in the average.
const lingerDecay = 0.25

// ran notes a batch.
func (g *linger) ran(rows int) { g.typical += lingerDecay * (float64(rows) - g.typical) }

// enough reports whether so many rows need not wait for more.
func (g *linger) enough(rows int) bool { return 2*float64(rows) >= g.typical }

// holdLocked decides whether a lane should wait for more rows; the timer or a later
// arrival lets it go.
func (b *Batcher) holdLocked(now clock.Instant, x *executor) bool {
	g := &b.mu.linger[x.device]
	if b.opt.Linger <= 0 || g.lane != nil && g.lane != x || g.enough(b.mu.sched.WaitingRows(x.device)) || !b.crowdedLocked(now) {
		return false
	}
	if g.lane == nil {
		g.lane, g.until = x, now.Add(b.opt.Linger)
		b.armLocked(now, g.until)
	}
	return g.until > now
}

// unholdLocked returns the lane of a device that has waited for enough, or long enough.
func (b *Batcher) unholdLocked(now clock.Instant, id DeviceID) *executor {
	g := &b.mu.linger[id]
	if g.lane == nil || g.until > now && !g.enough(b.mu.sched.WaitingRows(id)) {
		return nil
	}
	x := g.lane
	g.lane = nil
	return x
}

// releaseLocked notes that a lane goes ahead.
func (b *Batcher) releaseLocked(x *executor) {
	if g := &b.mu.linger[x.device]; g.lane == x {
		g.lane = nil
	}
}

// quietAfter is how long no two requests may have been about for the server to be quiet.
const quietAfter = 2 * time.Millisecond

// crowdedLocked reports whether several requests are about, or were a moment ago.
func (b *Batcher) crowdedLocked(now clock.Instant) bool {
	if b.inside.Load() > 1 {
		b.mu.crowd = now
	}
	return now.Sub(b.mu.crowd) < quietAfter
}
