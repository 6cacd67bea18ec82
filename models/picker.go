package models

import "sync/atomic"

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
