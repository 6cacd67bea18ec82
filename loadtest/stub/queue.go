package stub

import (
	"time"

	"sluice/internal/clock"
)

// queue is one line of requests before servers that exist in arithmetic only: with one
// server and Poisson arrivals an M/D/1. Each request starts at the first instant, from its
// arrival on, at which a server is free.
type queue struct {
	service time.Duration
	free    []clock.Instant // of each server
	limit   int             // 0 is none
	starts  []clock.Instant // of those that may wait still, from head on; kept with a limit only
	head    int
}

func newQueue(o *Options) queue {
	return queue{service: o.Queue, limit: o.Limit, free: make([]clock.Instant, max(o.Servers, 1))}
}

// take gives an arrival its start. ok is false if too many wait.
func (q *queue) take(at clock.Instant) (start clock.Instant, ok bool) {
	if q.service == 0 {
		return at, true
	}
	if q.limit > 0 {
		for q.head < len(q.starts) && q.starts[q.head] <= at {
			q.head++
		}
		if len(q.starts)-q.head >= q.limit {
			return 0, false
		}
		if q.head > len(q.starts)/2 {
			q.starts = q.starts[:copy(q.starts, q.starts[q.head:])]
			q.head = 0
		}
	}
	first := 0
	for i, free := range q.free {
		if free < q.free[first] {
			first = i
		}
	}
	start = max(at, q.free[first])
	q.free[first] = start.Add(q.service)
	if q.limit > 0 {
		q.starts = append(q.starts, start)
	}
	return start, true
}
