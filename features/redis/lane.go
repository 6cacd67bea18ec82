package redis

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"sluice/internal/standby"
)

var errClosed = errors.New("the redis store is closed")

// lane is a set of connections of its own: one for groups of narrow rows, one for those of wide rows.
type lane struct {
	nodes
	unanswered int
	full       error
	chunks     atomic.Int64 // without a reply
	ended      sync.Once

	mu struct {
		sync.Mutex
		closed bool
	}
	busy sync.WaitGroup // of those who have entered

	senders *standby.Crew[*batch]
}

// maxIdle is the most goroutines of a lane that wait for a batch to send.
const maxIdle = 32

func newLane(o *Options) *lane {
	l := &lane{unanswered: o.Unanswered, senders: standby.New(maxIdle, (*batch).send)}
	l.nodes.init(o)
	l.full = fmt.Errorf("redis %s has %d chunks of keys without a reply, the limit: `unanswered` of the store moves it", l.name, l.unanswered)
	return l
}

// enter lets a chunk in, unless the lane is closed, not connected or full, and says where to send it. Each that was let in
// leaves.
func (l *lane) enter() (*node, error) {
	n := l.pick()
	if n == nil {
		return nil, *l.failure.Load()
	}
	if l.chunks.Add(1) > int64(l.unanswered) {
		l.chunks.Add(-1)
		return nil, l.full
	}
	l.mu.Lock()
	closed := l.mu.closed
	if !closed {
		l.busy.Add(1)
	}
	l.mu.Unlock()
	if closed {
		l.chunks.Add(-1)
		return nil, errClosed
	}
	return n, nil
}

func (l *lane) leave() {
	l.chunks.Add(-1)
	l.busy.Done()
}

// close ends the connections and waits for chunks under way.
func (l *lane) close() {
	l.mu.Lock()
	l.mu.closed = true
	l.mu.Unlock()
	l.ended.Do(func() {
		l.nodes.close()
		l.busy.Wait()
		l.senders.End()
		l.senders.Wait()
	})
}
