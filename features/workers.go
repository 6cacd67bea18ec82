package features

import "sync/atomic"

// workers are the goroutines of reads. One that has ended a read waits for another: the stack of a new goroutine has to grow on the
// way to a store, each time anew, which takes about as long as the rest of that way.
type workers struct {
	work chan *read // to those that wait
	idle atomic.Int64
	over chan struct{} // closed when they are to end
}

// maxIdle is the most workers that wait.
const maxIdle = 64

func newWorkers() *workers { return &workers{work: make(chan *read), over: make(chan struct{})} }

// begin has a worker run a read.
func (w *workers) begin(r *read) {
	select {
	case w.work <- r:
	default:
		go w.serve(r)
	}
}

func (w *workers) serve(r *read) {
	for r != nil {
		r.run()
		r = w.next()
	}
}

// next waits for a read; it is nil if the worker is to end.
func (w *workers) next() (r *read) {
	defer w.idle.Add(-1)
	if w.idle.Add(1) > maxIdle {
		return nil
	}
	select {
	case r = <-w.work:
	case <-w.over:
	}
	return r
}

// end lets those that wait end, and waits for none: a read that was refused may still call a waiter.
func (w *workers) end() { close(w.over) }
