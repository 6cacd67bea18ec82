package onnx

import (
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// watchdog cuts runs short that pass their limit. It has one timer for all lanes,
// armed for the earliest limit it was told of: since later runs have later limits, most
// runs find it armed already and pay for two loads. A timer that fires finds the runs
// that are due and is armed again for the next; so it fires about once per limit.
type watchdog struct {
	lanes []lane
	armed atomic.Int64   // clock.Instant when the timer fires; Never: it does not
	fires sync.WaitGroup // timers that are to fire, or firing

	mu struct {
		sync.Mutex
		timer   *time.Timer
		stopped bool
	}
}

// guard is a lane's part: which limit its current run has.
type guard struct {
	sync.Mutex
	running bool
	cut     bool
	limit   clock.Instant
}

func (w *watchdog) init(lanes []lane) {
	w.lanes = lanes
	w.armed.Store(int64(clock.Never))
}

// begin is called before a run. The lane's limit is written before armed is read, and
// fire does the reverse, so that one of them sees the other.
func (w *watchdog) begin(l *lane, limit clock.Instant) {
	l.guard.Lock()
	l.guard.running, l.guard.limit = true, limit
	l.guard.Unlock()
	if int64(limit) < w.armed.Load() {
		w.arm(limit)
	}
}

// end is called after a run and reports whether it was cut short. The terminate flag
// sticks to the lane's options, so it is taken back here.
func (w *watchdog) end(l *lane) (cut bool) {
	l.guard.Lock()
	defer l.guard.Unlock()
	cut = l.guard.cut
	if cut {
		l.call.unsetTerminate()
	}
	l.guard.running, l.guard.cut = false, false
	return cut
}

func (w *watchdog) arm(limit clock.Instant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.stopped || int64(limit) >= w.armed.Load() {
		return
	}
	w.armed.Store(int64(limit))
	wait := max(limit.Sub(clock.Now()), 0)
	w.fires.Add(1) // first: it may fire at once
	if w.mu.timer == nil {
		w.mu.timer = time.AfterFunc(wait, w.fire)
	} else if replaced := w.mu.timer.Reset(wait); replaced {
		w.fires.Done()
	}
}

func (w *watchdog) fire() {
	defer w.fires.Done()
	w.armed.Store(int64(clock.Never))
	now, next := clock.Now(), clock.Never
	for i := range w.lanes {
		next = min(next, w.lanes[i].guard.check(&w.lanes[i], now))
	}
	if next != clock.Never {
		w.arm(next)
	}
}

// check terminates an overdue run, and returns the limit of one that is not yet due.
func (g *guard) check(l *lane, now clock.Instant) clock.Instant {
	g.Lock()
	defer g.Unlock()
	switch {
	case !g.running || g.cut:
		return clock.Never
	case now < g.limit:
		return g.limit
	}
	g.cut = true
	l.call.terminate()
	return clock.Never
}

// stop is called when no lane runs any more; nothing touches the lanes afterwards.
func (w *watchdog) stop() {
	w.mu.Lock()
	w.mu.stopped = true
	if w.mu.timer != nil && w.mu.timer.Stop() {
		w.fires.Done()
	}
	w.mu.Unlock()
	w.fires.Wait()
}
