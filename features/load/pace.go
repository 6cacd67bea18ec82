package load

import (
	"context"
	"time"
)

// pace spreads rows evenly over time.
type pace struct {
	each time.Duration // 0: as fast as it goes
	free time.Time     // when the next rows may go
}

func newPace(rowsPerSecond int) *pace {
	if rowsPerSecond == 0 {
		return &pace{}
	}
	return &pace{each: time.Second / time.Duration(rowsPerSecond)}
}

// wait waits until so many rows may go. What was not used while nobody asked is lost: there are no bursts.
func (p *pace) wait(ctx context.Context, rows int) error {
	if p.each == 0 {
		return ctx.Err()
	}
	now := time.Now()
	at := p.free
	if at.Before(now) {
		at = now
	}
	p.free = at.Add(time.Duration(rows) * p.each)
	t := time.NewTimer(at.Sub(now))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
