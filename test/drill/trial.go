package main

import (
	"runtime"
	"slices"
)

// trial is an experiment under way. It is to an experiment what a testing.T is to a test: must ends
// it at a fault that keeps it from its figure, and what it has started ends with it.
type trial struct {
	*drill
	fault error
	ends  []func()
}

// verdict is what an experiment found.
type verdict struct {
	held   bool
	figure string
}

// try makes an experiment, on a goroutine of its own, which must can end.
func (d *drill) try(experiment func(*trial) verdict) (v verdict, err error) {
	t := &trial{drill: d}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer t.end()
		v = experiment(t)
	}()
	<-over
	return v, t.fault
}

// must ends the experiment if there is an error. Only the experiment's own goroutine may call it.
func (t *trial) must(err error) {
	if err != nil {
		t.fault = err
		runtime.Goexit()
	}
}

// after has something done when the experiment has ended, the last that was asked for first.
func (t *trial) after(end func()) { t.ends = append(t.ends, end) }

func (t *trial) end() {
	for _, end := range slices.Backward(t.ends) {
		end()
	}
}
