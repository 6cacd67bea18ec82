package policy

import (
	"math"
	"time"

	"sluice/internal/clock"
)

const (
	rateWindow  = 50 * time.Millisecond
	rateWeight  = 0.3
	slowWeight  = 0.03
	budgetSpan  = time.Second
	latePeriod  = time.Second
	lateAllowed = 0.01
)

// rate estimates the rows per second that arrive: windows of 50 ms, averaged
// exponentially.
type rate struct {
	end  clock.Instant // of the open window
	rows int           // in the open window
	mean float64       // rows per second
	slow float64       // likewise, of seconds
	last float64       // in the last full window
	any  bool
}

func (r *rate) add(now clock.Instant, rows int) {
	r.roll(now)
	r.rows += rows
}

// roll closes the windows that have ended.
func (r *rate) roll(now clock.Instant) {
	if !r.any {
		r.any, r.end = true, now.Add(rateWindow)
		return
	}
	if now < r.end {
		return
	}
	r.last = float64(r.rows) / rateWindow.Seconds()
	r.mean += rateWeight * (r.last - r.mean)
	r.slow += slowWeight * (r.last - r.slow)
	r.rows = 0
	r.end = r.end.Add(rateWindow)
	if now >= r.end { // the windows since were empty
		r.last = 0
		empty := int64(now.Sub(r.end)/rateWindow) + 1
		r.mean *= math.Pow(1-rateWeight, float64(empty))
		r.slow *= math.Pow(1-slowWeight, float64(empty))
		r.end = r.end.Add(time.Duration(empty) * rateWindow)
	}
}

// take adds what another rate has learned, which is empty then.
func (r *rate) take(now clock.Instant, other *rate) {
	r.roll(now)
	other.roll(now)
	r.rows += other.rows
	r.mean += other.mean
	r.slow += other.slow
	r.last += other.last
	*other = rate{}
}

// rising is the rate to be ready for: a burst counts after one window, its end only with
// the mean.
func (r *rate) rising() float64 { return max(r.mean, r.last) }

// shortest is the smallest budget seen in the last one to two seconds.
type shortest struct {
	end       clock.Instant
	cur, prev time.Duration // 0: none
}

// add reports whether the value is a new minimum.
func (s *shortest) add(now clock.Instant, d time.Duration) bool {
	s.roll(now)
	old := s.value()
	if s.cur == 0 || d < s.cur {
		s.cur = d
	}
	return old == 0 || d < old
}

func (s *shortest) roll(now clock.Instant) {
	if now < s.end {
		return
	}
	s.prev, s.cur = s.cur, 0
	if now >= s.end.Add(budgetSpan) {
		s.prev = 0
	}
	s.end = now.Add(budgetSpan)
}

func (s *shortest) value() time.Duration {
	if s.cur == 0 || s.prev != 0 && s.prev < s.cur {
		return s.prev
	}
	return s.cur
}

// lateness counts how many requests of a period ended past their deadline.
type lateness struct {
	end         clock.Instant
	done, late  int
	periodsOver bool
}

// add reports at the end of each period with ended set, and then whether more were
// late than is allowed.
func (l *lateness) add(now clock.Instant, done, late int) (ended, tooMany bool) {
	l.done += done
	l.late += late
	if !l.periodsOver {
		l.periodsOver, l.end = true, now.Add(latePeriod)
	}
	if now < l.end {
		return false, false
	}
	tooMany = float64(l.late) > lateAllowed*float64(l.done)
	*l = lateness{end: now.Add(latePeriod), periodsOver: true}
	return true, tooMany
}
