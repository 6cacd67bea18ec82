package roles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.uber.org/zap"
)

// maxLeaseBytes is far above what a lease has.
const maxLeaseBytes = 256

// lease is the counter that the holder raises, and what a follower has seen of it.
type lease struct {
	count uint64
	// holder and stamp were there when the follower last saw one of them move, which was at since, of its own clock.
	holder string
	stamp  []byte
	since  time.Time
	// unstamped and untaken are set once the lease could not be stamped or taken, so that each is said once.
	unstamped, untaken bool
}

// Run follows the folder, stamps the lease while this store holds it, and takes it when its holder is silent, until ctx ends. It returns
// without a folder at once.
func (s *Store) Run(ctx context.Context) {
	if s.folder == nil {
		return
	}
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake.C:
		}
		select {
		case <-ctx.Done():
			return
		case s.working <- struct{}{}:
		}
		wait := s.tick(time.Now())
		<-s.working
		wake.Reset(wait)
	}
}

// tick is one look at the folder. It returns how long the next one has time. It needs the token.
func (s *Store) tick(now time.Time) time.Duration {
	if s.closed || s.look() != nil {
		return s.opts.Heartbeat
	}
	if s.Holds() {
		s.stamp()
		_ = s.settle() // what waits has been said
		return s.opts.Heartbeat
	}
	left := s.watch(now)
	if left > 0 {
		return min(left, s.opts.Heartbeat)
	}
	err := s.take()
	if err != nil && !s.lease.untaken {
		s.opts.Log.Warn("cannot take the lease of the roles", zap.String("folder", s.opts.Dir), zap.Error(err))
	}
	s.lease.untaken = err != nil
	return s.opts.Heartbeat
}

// watch returns how long the holder still has, by this store's own clock; none if nobody holds the lease.
func (s *Store) watch(now time.Time) time.Duration {
	holder := s.State().Holder.ID
	if holder == "" {
		return 0
	}
	stamp, _, err := read(s.leaseFile(), maxLeaseBytes)
	// A stamp of somebody who was the holder says nothing about the one who is. One that cannot be read has not moved.
	own := err == nil && bytes.HasPrefix(stamp, []byte(holder+" "))
	if l := &s.lease; l.since.IsZero() || l.holder != holder || own && !bytes.Equal(stamp, l.stamp) {
		l.holder, l.stamp, l.since = holder, stamp, now
	}
	return s.opts.Expiry - now.Sub(s.lease.since)
}

func (s *Store) leaseFile() string { return filepath.Join(s.folder.dir, "lease") }

// stamp raises the counter. It is renamed into place, so nobody reads half of it.
func (s *Store) stamp() {
	s.lease.count++
	text := fmt.Appendf(nil, "%s %d\n", s.self.ID, s.lease.count)
	err := replace(s.folder.sys, s.folder.temporary(s.folder.dir, "lease"), s.leaseFile(), text)
	if err != nil && !s.lease.unstamped {
		s.opts.Log.Warn("cannot stamp the lease of the roles: another gateway may take it", zap.String("folder", s.opts.Dir), zap.Error(err))
	}
	s.lease.unstamped = err != nil
}

// take publishes a generation that names this store as the holder. That another was faster is no error.
func (s *Store) take() error {
	from := s.State().Holder.Admin
	s.folder.swept, s.unmended = false, true
	_, err := s.publish(Entry{Who: s.who(), Action: ActionTake, From: from}, s.self, s.State().Clone())
	if errors.Is(err, errTaken) {
		return s.look()
	}
	if err != nil {
		return err
	}
	s.opts.Log.Info("this gateway holds the lease of the roles", zap.Uint64("generation", s.State().Generation))
	s.stamp()
	return s.settle()
}

func (s *Store) who() string {
	if s.self.Admin == "" {
		return "gateway"
	}
	return "gateway " + s.self.Admin
}
