package engine

import (
	"slices"
	"time"

	"sluice/internal/clock"
	"sluice/loadtest/sample"
)

// Progress may be called at any time.
func (e *Engine) Progress() Progress {
	p := &e.published
	begun := p.begun.Load()
	return Progress{
		Begun: begun != 0, Begin: clock.Instant(begun - 1),
		Noticed: p.noticed.Load(), Written: p.written.Load(), Ended: p.ended.Load(),
		Extra: p.extra.Load(), Reopened: p.reopened.Load(), Connections: p.conns.Load(),
		Checking: time.Duration(p.checking.Load()), Looking: time.Duration(p.looking.Load()),
		CPU: time.Duration(e.thread.used.Load()), Stopped: time.Duration(p.stopped.Load()),
	}
}

// EachEnded calls f for every request that has ended, in the order of their ends, from the
// from-th on, and returns how many have ended: where to go on. It may be called at any time.
func (e *Engine) EachEnded(from int, f func(*sample.Sample)) int {
	n := int(e.published.ended.Load())
	for _, i := range e.order[from:n] {
		f(&e.all[i])
	}
	return n
}

// Thread is the identity of the thread that the engine runs on; 0 before it runs.
func (e *Engine) Thread() int { return int(e.thread.id.Load()) }

// Samples returns what was kept of each request, in the order of their instants. After Run.
func (e *Engine) Samples() []sample.Sample {
	if e.opt.Closed != nil {
		return slices.Clone(e.samples) // theirs is memory that goes with the engine
	}
	return e.samples
}

// Devices returns the names behind the samples' numbers, which count from 1. After Run.
func (e *Engine) Devices() []string { return slices.Clone(e.devices) }
