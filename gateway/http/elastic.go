package httpfront

import (
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// elasticity finds out whether limiting the cheap answers makes the demand for them fall.
//
// Callers that ask again only when they have their no ask less often if it comes later: however long
// they wait, as many connections as before have a request. Callers that ask at their own pace, as
// users do whom a service has between its clients and the gateway, are not slowed down: more and more of
// their connections have a request, until none is left and every request is late. A limit keeps
// processor time from the former. Against the latter it does harm and no good.
//
// So the limit tries itself out. If, once it has settled, the connections with a request become
// more by a quarter, it is off for a moment, and for twice as long each time that it happens again at
// once. A limit that has stood for long enough begins anew with the shortest moment. A try of some 20 ms
// in 8 s is what a demand that does not yield is made to wait.
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
