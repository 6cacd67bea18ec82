package loadtest

import (
	"cmp"
	"context"
	"time"

	"sluice/internal/clock"
	"sluice/loadtest/engine"
	"sluice/loadtest/result"
	"sluice/loadtest/stats"
	"sluice/loadtest/watch"
)

// frames are shown so often.
const frameEvery = 250 * time.Millisecond

// follow runs the engine, and beside it shows what happens, ends the run if a condition to
// abort on is broken, and sees to it that comparing answers does not cost too much.
func follow(ctx context.Context, o *Options, s *shot, e *engine.Engine, w *watch.Watch) (aborted []result.Threshold, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	tick := time.NewTicker(frameEvery)
	defer tick.Stop()
	f := follower{o: o, s: s, e: e, w: w, live: stats.NewLive(s.window), part: o.Verify.Fraction}
	for {
		select {
		case err := <-done:
			f.frame()
			return aborted, err
		case <-tick.C:
			f.frame()
			if len(aborted) > 0 || len(s.aborts) == 0 {
				continue
			}
			if aborted = result.Aborts(s.aborts, f.live.Series()); len(aborted) > 0 {
				cancel()
			}
		}
	}
}

type follower struct {
	o     *Options
	s     *shot
	e     *engine.Engine
	w     *watch.Watch
	live  *stats.Live
	ended int
	part  float64         // of the answers that is compared; 0 is all
	last  engine.Progress // when the cost of comparing was looked at, at
	at    time.Duration
	began bool
}

func (f *follower) frame() {
	p := f.e.Progress()
	if !p.Begun {
		return
	}
	now := clock.Now().Sub(p.Begin)
	if f.s.started != nil && !f.began {
		f.began = true
		f.s.started(time.Now().Add(-now))
	}
	f.ended = f.e.EachEnded(f.ended, f.live.Ended)
	snap := f.live.Tick(now, stats.Progress{Due: p.Noticed, Written: p.Written})
	f.o.View.Show(f.snapshot(snap, p))
	f.thin(p, now)
}

// checkShare is how much of a core the comparison of answers may take.
const checkShare = 0.1

// thin lowers the part of the answers that is compared if it has cost more than its share of
// the last second. It never rises again: the result says what part it came to.
func (f *follower) thin(p engine.Progress, now time.Duration) {
	if now-f.at < time.Second {
		return
	}
	share := (p.Checking - f.last.Checking).Seconds() / (now - f.at).Seconds()
	f.last, f.at = p, now
	part := thinned(f.part, share)
	if part == f.part {
		return
	}
	f.part = part
	for _, a := range f.s.aims {
		for i := range a.parts {
			if c := a.parts[i].checker; c != nil {
				c.SetFraction(part)
			}
		}
	}
}

// thinned is the part to compare from now on, where comparing a part (0 is all) took a share of
// a core. What it costs is taken to grow with the part, and some room is left.
func thinned(part, share float64) float64 {
	if share <= checkShare {
		return part
	}
	return cmp.Or(part, 1) * 0.8 * checkShare / share
}
