package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"sluice/internal/clock"
)

// nodes are the servers that a lane reads from. Each connects by itself, so one that can be reached is enough.
type nodes struct {
	name string  // of the store's addresses, for errors
	all  []*node // the primary, or a cluster, whose nodes rueidis finds; then replicas, which are asked first

	ready   chan struct{} // closed when one is connected and each has been tried
	once    sync.Once
	untried atomic.Int32
	failure atomic.Pointer[error] // why none is connected

	begun      sync.Once
	stop       context.CancelFunc
	connecting sync.WaitGroup
}

// node is one server.
type node struct {
	client atomic.Pointer[rueidis.Client] // nil until connected
	// direct has one connection, for whoever has taken it; nil if there is none.
	direct rueidis.Client
	taken  atomic.Bool
	// avoided is the instant until which others are asked first, since this one has failed.
	avoided atomic.Int64
}

func (s *nodes) init(o *Options) {
	s.name, s.ready = strings.Join(o.Addresses, ","), make(chan struct{})
	for range 1 + len(o.Replicas) {
		s.all = append(s.all, new(node))
	}
	s.untried.Store(int32(len(s.all)))
	err := fmt.Errorf("redis %s is not connected yet", s.name)
	s.failure.Store(&err)
}

// connect begins to connect, once, and returns at once: so many connections to each server, and a direct one, if it is wanted.
func (s *nodes) connect(o *Options, connections int, direct bool) {
	s.begun.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		s.stop = cancel
		option := o.client(ctx, connections)
		for i, n := range s.all {
			if i > 0 {
				option.InitAddress = o.Replicas[i-1 : i]
			}
			of := option
			s.connecting.Go(func() { s.tryUntil(ctx, n, of, direct && !o.Cluster) })
		}
	})
}

// The pauses between attempts to connect.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

func (s *nodes) tryUntil(ctx context.Context, n *node, option rueidis.ClientOption, direct bool) {
	connected := s.try(n, option, direct)
	s.untried.Add(-1)
	s.note()
	for pause := firstPause; !connected; pause = min(2*pause, lastPause) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		connected = s.try(n, option, direct)
		s.note()
	}
}

// try tries to connect.
func (s *nodes) try(n *node, option rueidis.ClientOption, direct bool) (connected bool) {
	client, err := rueidis.NewClient(option)
	if err == nil {
		if direct {
			n.direct = newDirect(option)
		}
		n.client.Store(&client)
		return true
	}
	if client != nil {
		client.Close()
	}
	err = fmt.Errorf("redis %s is not connected: %w", strings.Join(option.InitAddress, ","), err)
	s.failure.Store(&err)
	return false
}

// note says that the nodes are ready, if they are.
func (s *nodes) note() {
	if s.untried.Load() == 0 && s.pick() != nil {
		s.once.Do(func() { close(s.ready) })
	}
}

// wait waits until a node can be asked.
func (s *nodes) wait(ctx context.Context) (*node, error) {
	select {
	case <-s.ready:
		return s.pick(), nil
	case <-ctx.Done():
		return nil, *s.failure.Load()
	}
}

// pick is the node to ask next: any of the replicas, but for those to avoid, and without one the first that is connected. It is nil
// if none is.
func (s *nodes) pick() *node {
	if replicas := s.all[1:]; len(replicas) > 0 {
		now, from := int64(clock.Now()), rand.IntN(len(replicas))
		for i := range replicas {
			if n := replicas[(from+i)%len(replicas)]; n.client.Load() != nil && n.avoided.Load() <= now {
				return n
			}
		}
	}
	for _, n := range s.all {
		if n.client.Load() != nil {
			return n
		}
	}
	return nil
}

// avoidFor is for how long a replica or a direct connection that has failed is not used again.
const avoidFor = time.Second

// avoid has others asked for a while, and tells whether there are any. The primary has none to take its place.
func (s *nodes) avoid(n *node) (others bool) {
	if n == s.all[0] {
		return false
	}
	n.avoided.Store(int64(clock.Now().Add(avoidFor)))
	return true
}

// close ends the connections.
func (s *nodes) close() {
	s.begun.Do(func() { s.stop = func() {} }) // from here on it does not begin
	s.stop()
	s.connecting.Wait()
	for _, n := range s.all {
		if client := n.client.Load(); client != nil {
			(*client).Close()
			if n.direct != nil {
				n.direct.Close()
			}
		}
	}
}
