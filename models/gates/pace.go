package gates

import (
	"context"
	"time"

	"sluice/internal/clock"
)

// burst is how long a paced load may compute in one go.
const burst = 2 * time.Millisecond

// pace keeps a load from taking a whole core from versions that serve: after each burst
// it rests as long. Resting after every run instead would measure cold caches.
type pace struct {
	// serving tells whether anybody would notice.
	serving func() bool
	worked  time.Duration // since the last rest
	rested  time.Duration // in all
}

// track counts work, from begin until now.
func (p *pace) track(begin clock.Instant) { p.worked += clock.Now().Sub(begin) }

// rest pauses if a burst is over.
func (p *pace) rest(ctx context.Context) {
	if p.worked < burst {
		return
	}
	due := p.worked
	p.worked = 0
	if !p.serving() {
		return
	}
	begin := clock.Now()
	defer func() { p.rested += clock.Now().Sub(begin) }()
	select {
	case <-time.After(due):
	case <-ctx.Done():
	}
}
