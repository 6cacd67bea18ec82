package features

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/features/store"
	"sluice/internal/clock"
)

// source is a store with its breaker and what is known of its reads.
type source struct {
	name  string
	store store.Store
	opt   StoreOptions
	log   *zap.Logger

	mu struct {
		sync.Mutex
		breaker breaker
		recent  recent
		whole   recent // reads that have not come to their limit
	}
	// shut is the instant before which the breaker lets nothing begin. It is for those who do not hold the lock.
	shut atomic.Int64
	// slow is what 99 of 100 reads take at most, in nanoseconds; 0 while that is not known.
	slow atomic.Int64

	stats struct {
		reads, keys, wanted, failures, timeouts, refused, full, expired, opened atomic.Uint64
		inFlight                                                                atomic.Int64
		waiting, reading                                                        histogram
	}
}

func newSource(name string, st store.Store, opt StoreOptions, log *zap.Logger) *source {
	s := &source{name: name, store: st, opt: opt, log: log}
	s.mu.breaker.opt, s.mu.breaker.began = opt.Breaker, clock.Now()
	s.noteLocked()
	return s
}

// longAgo is before every instant.
const longAgo = clock.Instant(math.MinInt64)

// isShut tells, without a lock, whether the breaker lets nothing begin.
func (s *source) isShut(now clock.Instant) bool { return now < clock.Instant(s.shut.Load()) }

// allow asks the breaker whether a read may begin.
func (s *source) allow(now clock.Instant) (epoch uint32, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	epoch, ok = s.mu.breaker.allow(now)
	s.noteLocked()
	return epoch, ok
}

// noteLocked keeps what isShut answers in step with the breaker.
func (s *source) noteLocked() {
	if s.mu.breaker.state == Closed {
		s.shut.Store(int64(longAgo))
	} else {
		s.shut.Store(int64(s.mu.breaker.until))
	}
}

// report takes what came of a read: how long it took, whether the store did well, and whether the read came to its limit. A limit
// below what half of the store's reads take says something of the group that has it, and nothing of the store: one group must not
// keep others from theirs.
func (s *source) report(now clock.Instant, epoch uint32, took time.Duration, good, late bool, err error) {
	s.mu.Lock()
	before := s.mu.breaker.state
	if late && !good && took < s.mu.whole.median() {
		s.mu.breaker.pass(now, epoch)
	} else {
		s.mu.breaker.report(now, epoch, now.Add(-took), good)
	}
	if !late {
		s.mu.whole.add(took)
	}
	after := s.mu.breaker.state
	s.noteLocked()
	if slow, ok := s.mu.recent.add(took); ok {
		s.slow.Store(int64(slow))
	}
	s.mu.Unlock()
	switch {
	case before == Closed && after == Open:
		s.stats.opened.Add(1)
		s.log.Warn("feature store does not answer: it is not asked until it does", zap.String("store", s.name), zap.Error(err))
	case before == HalfOpen && after == Closed:
		s.log.Info("feature store answers again", zap.String("store", s.name))
	}
}

// recent knows how long the last reads took: a histogram whose counts are halved when they are many.
type recent struct {
	counts [buckets]uint32
	total  uint32
}

const (
	recentReads = 1024 // are counted at most
	enoughReads = 100  // must be known before a quantile means anything
	lookEach    = 16   // reads between two looks at the quantile
)

// median is what half of the reads take at least; 0 while that is not known.
func (r *recent) median() time.Duration {
	if r.total < enoughReads {
		return 0
	}
	below := r.total / 2
	for i, n := range r.counts {
		if n > below {
			return time.Duration(UpTo(i - 1))
		}
		below -= n
	}
	return 0
}

// add counts a read, and now and then says what 99 of 100 took at most.
func (r *recent) add(took time.Duration) (slow time.Duration, ok bool) {
	r.counts[bucketOf(int64(took))]++
	r.total++
	if r.total < enoughReads || r.total%lookEach != 0 {
		return 0, false
	}
	beyond := r.total / 100
	for i := buckets - 1; i >= 0; i-- {
		if r.counts[i] > beyond {
			slow = time.Duration(UpTo(i))
			break
		}
		beyond -= r.counts[i]
	}
	if r.total >= recentReads {
		r.total = 0
		for i := range r.counts {
			r.counts[i] /= 2
			r.total += r.counts[i]
		}
	}
	return slow, true
}
