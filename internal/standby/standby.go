// Package standby runs jobs, each on a goroutine, and keeps those that have done one for the next. The stack of a new goroutine
// has to grow on its way into a library, each time anew: for a short job that takes as long as the rest of it.
package standby

import (
	"sync"
	"sync/atomic"
)

// Crew is goroutines that run jobs of one kind. Many goroutines may use it at a time.
type Crew[T any] struct {
	run  func(T)
	most int64 // that wait
	jobs chan T
	idle atomic.Int64
	over chan struct{}
	all  sync.WaitGroup
}

// New returns a crew without goroutines, of which so many wait at most.
func New[T any](most int, run func(T)) *Crew[T] {
	return &Crew[T]{run: run, most: int64(most), jobs: make(chan T), over: make(chan struct{})}
}

// Run has one that waits run a job, or a new one. It returns at once.
func (c *Crew[T]) Run(job T) {
	select {
	case c.jobs <- job:
	default:
		c.all.Go(func() { c.serve(job) })
	}
}

func (c *Crew[T]) serve(job T) {
	for more := true; more; {
		c.run(job)
		job, more = c.next()
	}
}

// next waits for a job; there is none if the goroutine is to end.
func (c *Crew[T]) next() (job T, more bool) {
	defer c.idle.Add(-1)
	if c.idle.Add(1) > c.most {
		return job, false
	}
	select {
	case job = <-c.jobs:
		return job, true
	case <-c.over:
		return job, false
	}
}

// End lets those that wait end, once. Jobs that are under way, and later ones, are run to their ends.
func (c *Crew[T]) End() { close(c.over) }

// Wait waits for all goroutines, after End and when no more jobs come.
func (c *Crew[T]) Wait() { c.all.Wait() }
