package accesslog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/telemetry"
)

// maxWaiting bounds the lines between the request path and the file, of 700 bytes each: a fifth of a
// second of 40,000 requests a second if all are written, 6 MiB.
const maxWaiting = 1 << 13

// Options say what is written and where.
type Options struct {
	// File is a path, or stdout or stderr. Required.
	File string
	// Sample is the share of requests that are written by chance, from 0 to 1.
	Sample float64
	// Slow is the share of its budget above which a request counts as slow.
	Slow float64
	// MaxPerSecond bounds the lines of each reason but chance in a second.
	MaxPerSecond int
	// Log hears of lines that are lost; default none.
	Log *zap.Logger
}

// Stats are what a log has done. Counts only grow.
type Stats struct {
	// Lines have been written.
	Lines uint64
	// Skipped were more than MaxPerSecond.
	Skipped uint64
	// Dropped did not fit into the buffer, or could not be written.
	Dropped uint64
}

// Log is an access log. The zero Log takes nothing.
type Log struct {
	opt    Options
	on     bool
	sample uint64 // a random number below it is a sampled request
	stop   chan struct{}
	done   chan struct{}
	wake   chan struct{} // of size 1: half of the buffer is full
	look   chan struct{} // of size 1: Follow

	second  [whys]atomic.Int64 // lines of this second, by reason
	slowest atomic.Int64       // the longest that this second has seen
	unsaid  atomic.Uint64      // skipped, and not in a line yet

	lines, skipped, dropped atomic.Uint64

	mu struct {
		sync.Mutex
		waiting []Entry
		slowest Entry // of this second, if its Why is set
	}

	// Of the goroutine that writes alone.
	out      output
	taken    []Entry
	encoder  encoder
	throttle telemetry.Throttle
}

// Start opens the file and begins to write.
func Start(o Options) (*Log, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.File == "" || !(o.Sample >= 0 && o.Sample <= 1) || !(o.Slow > 0) || o.MaxPerSecond < 0 {
		return nil, fmt.Errorf("cannot write an access log to %q with a sample of %v, slow %v and %d lines a second", o.File, o.Sample, o.Slow, o.MaxPerSecond)
	}
	l := &Log{opt: o, on: true, stop: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1), look: make(chan struct{}, 1)}
	l.sample = uint64(o.Sample * (1 << 63))
	if err := l.out.open(o.File); err != nil {
		return nil, err
	}
	l.encoder = newEncoder()
	go l.run()
	return l, nil
}

// On reports whether anything may be written.
func (l *Log) On() bool { return l.on }

// Pick says whether and why a request is to be written; its caller then fills an Entry and calls Put.
// It takes a few nanoseconds. total and budget are zero for what is no prediction.
func (l *Log) Pick(status int, late bool, total, budget time.Duration) Why {
	if !l.on {
		return No
	}
	why := l.reason(status, late, total, budget)
	if why == No && int64(total) > l.slowest.Load() {
		why = Slowest
	}
	if why != No {
		l.saw(int64(total))
	}
	return why
}

// reason is Pick but for the slowest.
func (l *Log) reason(status int, late bool, total, budget time.Duration) Why {
	var why Why
	switch {
	case l.sample > 0 && rand.Uint64()>>1 < l.sample:
		return Sampled
	case status >= http.StatusInternalServerError:
		why = Failed
	case status >= http.StatusBadRequest:
		why = Refused
	case late:
		why = Late
	case budget > 0 && float64(total) > l.opt.Slow*float64(budget):
		why = Slow
	default:
		return No
	}
	if l.second[why].Add(1) > int64(l.opt.MaxPerSecond) {
		l.skipped.Add(1)
		l.unsaid.Add(1)
		return No
	}
	return why
}

// saw raises what the slowest of this second has to exceed.
func (l *Log) saw(total int64) {
	for {
		known := l.slowest.Load()
		if total <= known || l.slowest.CompareAndSwap(known, total) {
			return
		}
	}
}

// Put takes an entry whose Why Pick has given. It copies the entry and does not wait.
func (l *Log) Put(e *Entry) {
	if !l.on {
		return
	}
	if e.Why > Sampled && e.Why < Slowest {
		e.skipped = l.unsaid.Swap(0)
	}
	l.mu.Lock()
	n := len(l.mu.waiting)
	switch {
	case e.Why == Slowest:
		if e.Total >= l.mu.slowest.Total {
			l.mu.slowest = *e
		}
	case n < maxWaiting:
		l.mu.waiting = append(l.mu.waiting, *e)
	default:
		l.dropped.Add(1)
	}
	l.mu.Unlock()
	if n == maxWaiting/2 {
		signal(l.wake)
	}
}

// Follow looks at once whether the file is still where it was, which happens each second anyway.
func (l *Log) Follow() {
	if l.on {
		signal(l.look)
	}
}

// signal does not wait: one that has not been seen stands for this one too.
func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// Stats may be called at any time.
func (l *Log) Stats() Stats {
	return Stats{Lines: l.lines.Load(), Skipped: l.skipped.Load(), Dropped: l.dropped.Load()}
}

// errStuck says that lines were left when the time was up.
var errStuck = errors.New("what takes the access log did not take its last lines in time")

// Close writes what is left and closes the file. It waits no longer than ctx: a pipe that nobody
// reads keeps its goroutine.
func (l *Log) Close(ctx context.Context) error {
	if !l.on {
		return nil
	}
	close(l.stop)
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return errStuck
	}
}
