package features

import (
	"context"
	"time"

	"sluice/internal/clock"
)

// limit is the context of a read: it ends after a time. Those of the library are made anew for each use; a limit
// that has not ended can be used again.
type limit struct {
	until time.Time
	done  chan struct{}
	timer *time.Timer
}

func newLimit() *limit {
	l := &limit{done: make(chan struct{})}
	l.timer = time.AfterFunc(time.Hour, func() { close(l.done) })
	l.timer.Stop()
	return l
}

// arm makes the limit end after d.
func (l *limit) arm(d time.Duration) {
	l.until = time.Now().Add(d)
	l.timer.Reset(d)
}

// disarm tells whether the limit has ended. One that has is of no more use.
func (l *limit) disarm() bool { return !l.timer.Stop() }

// Deadline, Done, Err and Value make it a context.
func (l *limit) Deadline() (time.Time, bool) { return l.until, true }

func (l *limit) Done() <-chan struct{} { return l.done }

func (l *limit) Err() error {
	select {
	case <-l.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func (l *limit) Value(any) any { return nil }

// due is the context of a read that is left behind. It ends, too, but tells nobody: the group's clock ends the read, and no timer is
// armed for each.
type due struct{ until clock.Instant }

// Deadline, Done, Err and Value make it a context.
func (d *due) Deadline() (time.Time, bool) { return time.Now().Add(d.until.Sub(clock.Now())), true }

func (d *due) Done() <-chan struct{} { return nil }

func (d *due) Err() error {
	if clock.Now() < d.until {
		return nil
	}
	return context.DeadlineExceeded
}

func (d *due) Value(any) any { return nil }
