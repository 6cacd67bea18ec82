package redis

import (
	"context"
	"sync"

	"sluice/features/store"
)

// Store is features in Redis. Many goroutines may use it at a time.
type Store struct {
	o            Options
	narrow, wide *lane
	views        views
	closing      sync.Once
}

var _ store.Store = (*Store)(nil)

// New makes a store. It does no I/O: the store connects in the background.
func New(o Options) (*Store, error) { return newStore(o, true) }

// newStore makes a store, with direct connections to servers or without.
func newStore(o Options, direct bool) (*Store, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	s := &Store{o: o, narrow: newLane(&o), wide: newLane(&o)}
	s.narrow.connect(&s.o, o.Connections, direct)
	return s, nil
}

// Reader prepares the reads of a group.
func (s *Store) Reader(g *store.Group) (store.Reader, error) {
	if s.o.Layout == Native {
		return s.newNative(g)
	}
	return s.newHashes(g)
}

// lane is the connections for a group; it makes those for wide rows when they are wanted for the first time.
func (s *Store) lane(g *store.Group) *lane {
	if g.RowBytes() < wideRow {
		return s.narrow
	}
	s.wide.connect(&s.o, 1, false)
	return s.wide
}

// Ping asks for a sign of life of a server, of a cluster that of any node.
func (s *Store) Ping(ctx context.Context) error {
	b, err := newBatch(s.narrow)
	if err != nil {
		return err
	}
	b.commands = append(b.commands, b.client.B().Ping().Build())
	b.lane.senders.Run(b)
	if !b.wait(ctx) {
		return ctx.Err()
	}
	defer b.release()
	return b.replies[0].Error()
}

// Close ends the connections, after the reads that are under way.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.views.stop(func() {
			s.narrow.close()
			s.wide.close()
		})
	})
	return nil
}
