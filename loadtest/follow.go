package loadtest

import (
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
	f := follower{o: o, s: s, e: e, w: w, live: stats.NewLive(s.window)}
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
	part  float64 // of the answers that is compared, in use
	last  engine.Progress
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

// thin lowers the part of the answers that is compared if it costs more than its share.
func (f *follower) thin(p engine.Progress, now time.Duration) {
	if now-f.at < time.Second {
		return
	}
	spent, passed := p.Checking-f.last.Checking, now-f.at
	f.last, f.at = p, now
	if share := spent.Seconds() / passed.Seconds(); share > checkShare {
		if f.part == 0 {
			f.part = 1
		}
		f.part *= 0.8 * checkShare / share
		for _, a := range f.s.aims {
			for _, p := range a.parts {
				if p.checker != nil {
					p.checker.SetFraction(f.part)
				}
			}
		}
	}
}
