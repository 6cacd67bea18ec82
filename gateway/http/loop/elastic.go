package loop

import (
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// elasticity finds out whether a limit on cheap answers lowers the demand for them.
//
// Some callers wait for their refusal before they ask again. They ask less often if it comes later, and as many
// connections as before have a request. Other callers ask at their own pace, as users do who reach the gateway through
// a service. A limit does not slow them down: more and more of their connections have a request, until none is left
// and every request is late. With the former a limit saves processor time. With the latter it does harm and no good.
//
// So the limit tries itself out. If the connections with a request become more by a quarter once the limit has
// settled, it is off for a moment, and for twice as long each time that this happens again at once. A limit that has
// stood for long enough begins anew with the shortest moment. So callers at their own pace wait some 20 ms in 8 s.
type elasticity struct {
	free atomic.Int64 // a clock.Instant: until then there is no limit
	mu   struct {
		sync.Mutex
		since clock.Instant // when connections began to wait; 0 if none does
		most  int32         // the most connections with a request until it had settled
		next  time.Duration // for how long the latest try took the limit off
	}
}

const (
	settling    = 10 * time.Millisecond  // clients take that long to ask again after a batch of answers
	stands      = 200 * time.Millisecond // after this the demand has proved elastic
	freeLeast   = 50 * time.Millisecond
	freeMost    = 8 * time.Second
	growthLeast = 16 // connections, so that a few clients more are not taken for growth
	growthPart  = 4
)

// limited reports whether cheap answers are limited at present.
func (e *elasticity) limited(now clock.Instant) bool { return now >= clock.Instant(e.free.Load()) }

// note is told now and then how many connections wait their turn, and how many have a request.
func (e *elasticity) note(now clock.Instant, waiting, pending int32) {
	if !e.limited(now) {
		return
	}
	m := &e.mu
	m.Lock()
	defer m.Unlock()
	switch {
	case waiting == 0:
		m.since = 0
	case m.since == 0:
		m.since, m.most = now, pending
	case now.Sub(m.since) < settling:
		m.most = max(m.most, pending)
	case pending > m.most+growthLeast+m.most/growthPart:
		m.since, m.next = 0, min(max(2*m.next, freeLeast), freeMost)
		e.free.Store(int64(now.Add(m.next)))
	case now.Sub(m.since) >= stands:
		m.next = 0
	}
}
