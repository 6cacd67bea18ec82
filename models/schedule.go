package models

import "sync/atomic"

// The first requests of a version are looked at more often: what is wrong with a model is
// mostly wrong from the start.
const (
	firstEach  = 200   // requests of which each is looked at
	firstTenth = 2_000 // requests up to which one in ten is
	tenth      = 10
	// provenEach is how many are where the graph proves that rows keep apart.
	provenEach = 20
	// provenThin is how much more rarely rows are looked at later where the graph proves that they
	// keep apart: to bound what a hole in a proof could do.
	provenThin = 100
)

// schedule says which requests are looked at: each of the first, one in ten of those that
// follow, and then one row in many. A look that cannot be had when it is due is owed, and
// the next request that is not due itself pays for it: none is lost.
//
// While nothing is due, it costs a request one atomic addition.
type schedule struct {
	each, until uint64 // requests, counted from the first
	draw        func(n uint64) uint64
	early       atomic.Uint64 // requests so far, until about until
	tenths      picker        // counts requests
	later       picker        // counts rows
	owed        atomic.Int64
	deferred    atomic.Uint64
}

// init starts the counts. Of the rows after the first until requests, one of every is due.
func (s *schedule) init(each, until, every uint64, draw func(n uint64) uint64) {
	s.each, s.until, s.draw = each, until, draw
	s.tenths.init(tenth, draw)
	s.later.init(every, draw)
}

// due counts a request in and tells which of its rows is to be looked at. room tells
// whether a look that is owed can be had now.
func (s *schedule) due(rows int, room bool) (row int, due bool) {
	if s.early.Load() < s.until {
		row, due = s.dueEarly(rows)
	} else {
		row, due = s.later.due(rows)
	}
	if due || !room {
		return row, due
	}
	if owed := s.owed.Load(); owed > 0 && s.owed.CompareAndSwap(owed, owed-1) {
		return s.any(rows), true
	}
	return 0, false
}

func (s *schedule) dueEarly(rows int) (row int, due bool) {
	switch n := s.early.Add(1); {
	case n <= s.each:
		due = true
	case n <= s.until:
		_, due = s.tenths.due(1)
	default: // the last early ones were counted at the same time
		return s.later.due(rows)
	}
	return s.any(rows), due
}

// any is some row of a request.
func (s *schedule) any(rows int) int {
	if rows <= 1 {
		return 0
	}
	return int(s.draw(uint64(rows)))
}

// postpone owes a look that was due.
func (s *schedule) postpone() {
	s.owed.Add(1)
	s.deferred.Add(1)
}

// picker picks one row of every block of rows, at a place that is drawn anew for each
// block: periodic traffic cannot hide from it, and the rate is exact. Rows are counted
// from 0 over all requests. A request of more rows than a block gives one row all the
// same, and the requests after it give what is due.
//
// It is stratified random sampling with one row a stratum (Cochran, Sampling Techniques,
// 1977).
type picker struct {
	every uint64 // rows of a block; 0 picks none
	draw  func(n uint64) uint64
	rows  atomic.Uint64
	next  atomic.Uint64 // the row that is due next
}

// init starts the count; draw returns a number below n.
func (s *picker) init(every uint64, draw func(n uint64) uint64) {
	s.every, s.draw = every, draw
	s.rows.Store(0)
	if every > 0 {
		s.next.Store(draw(every))
	}
}

// due counts a request in and tells which of its rows is to be looked at. The row is the
// one drawn, or the first where a concurrent request was counted in between.
func (s *picker) due(rows int) (row int, due bool) {
	end := s.rows.Add(uint64(rows))
	at := s.next.Load()
	if end <= at || s.every == 0 {
		return 0, false
	}
	if !s.next.CompareAndSwap(at, (at/s.every+1)*s.every+s.draw(s.every)) {
		return 0, false // another request took it
	}
	first := end - uint64(rows)
	return int(max(at, first) - first), true
}
