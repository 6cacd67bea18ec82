package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

var errClosed = errors.New("the redis store is closed")

// lane is a set of connections of its own: one for groups of narrow rows, one for those of wide rows.
type lane struct {
	name       string // of the servers, for errors
	unanswered int
	full       error
	client     atomic.Pointer[rueidis.Client] // nil until connected
	ready      chan struct{}                  // closed then
	failure    atomic.Pointer[error]          // why it is not connected
	chunks     atomic.Int64                   // without a reply

	begun, ended sync.Once
	stop         context.CancelFunc
	connecting   sync.WaitGroup

	mu struct {
		sync.Mutex
		closed bool
	}
	busy sync.WaitGroup // of those who have entered

	work chan *batch   // to those goroutines that have sent one and wait for another
	idle atomic.Int64  // of them
	over chan struct{} // closed when they are to end
	them sync.WaitGroup
}

func newLane(o *Options) *lane {
	l := &lane{name: strings.Join(o.Addresses, ","), unanswered: o.Unanswered, ready: make(chan struct{}), work: make(chan *batch), over: make(chan struct{})}
	l.full = fmt.Errorf("redis %s has %d chunks of keys without a reply, the limit: `unanswered` of the store moves it", l.name, l.unanswered)
	err := fmt.Errorf("redis %s is not connected yet", l.name)
	l.failure.Store(&err)
	return l
}

// connect begins to connect, once, and returns at once.
func (l *lane) connect(o *Options, connections int) {
	l.begun.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		l.stop = cancel
		option := o.client(ctx, connections)
		l.connecting.Go(func() { l.tryUntil(ctx, option) })
	})
}

// The pauses between attempts to connect.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

func (l *lane) tryUntil(ctx context.Context, option rueidis.ClientOption) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		client, err := rueidis.NewClient(option)
		if err == nil {
			l.client.Store(&client)
			close(l.ready)
			return
		}
		if client != nil {
			client.Close()
		}
		err = fmt.Errorf("redis %s is not connected: %w", l.name, err)
		l.failure.Store(&err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// wait waits for the client.
func (l *lane) wait(ctx context.Context) (rueidis.Client, error) {
	select {
	case <-l.ready:
		return *l.client.Load(), nil
	case <-ctx.Done():
		return nil, *l.failure.Load()
	}
}

// enter lets a chunk in, unless the lane is closed, not connected or full. Each that was let in leaves.
func (l *lane) enter() (rueidis.Client, error) {
	client := l.client.Load()
	if client == nil {
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
	return *client, nil
}

func (l *lane) leave() {
	l.chunks.Add(-1)
	l.busy.Done()
}

// maxIdle is the most goroutines that wait for a batch.
const maxIdle = 32

// send has a goroutine send a batch: one that waits for it, or a new one. The stack of a new one has to grow first, which takes as
// long as the rest of a short read's way to the connection.
func (l *lane) send(b *batch) {
	select {
	case l.work <- b:
	default:
		l.them.Add(1)
		go l.serve(b)
	}
}

func (l *lane) serve(b *batch) {
	defer l.them.Done()
	for b != nil {
		b.send()
		b = l.next()
	}
}

// next waits for a batch; it is nil if the goroutine is to end.
func (l *lane) next() (b *batch) {
	defer l.idle.Add(-1)
	if l.idle.Add(1) > maxIdle {
		return nil
	}
	select {
	case b = <-l.work:
	case <-l.over:
	}
	return b
}

// close ends the connections and waits for chunks under way.
func (l *lane) close() {
	l.mu.Lock()
	l.mu.closed = true
	l.mu.Unlock()
	l.begun.Do(func() { l.stop = func() {} }) // from here on it does not begin
	l.ended.Do(func() {
		l.stop()
		l.connecting.Wait()
		if client := l.client.Load(); client != nil {
			(*client).Close()
		}
		l.busy.Wait()
		close(l.over)
		l.them.Wait()
	})
}
