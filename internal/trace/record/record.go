package record

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/telemetry"
	"sluice/internal/trace"
)

const (
	// emptyEvery is how often the ring is emptied. ringSize arrivals, of 352 bytes each, are what
	// comes in that time three times over at 100,000 per second.
	emptyEvery = 50 * time.Millisecond
	ringSize   = 1 << 14
	// An arrival is told when its request has ended, and waits for others that came before it and are told
	// later: as long as the slowest of late has taken, from window to maxWindow. One that is told later still
	// is written with the time of the last that was written: a trace never goes back.
	window    = 100 * time.Millisecond
	maxWindow = 10 * time.Second
	// maxHeld bounds the arrivals that wait in the window, to 22 MiB; beyond it they wait less.
	maxHeld = 4 * ringSize
	// flushEvery emptyings the file is brought up to date, for those who read it meanwhile or
	// after a crash.
	flushEvery = 20
)

// Options say what is recorded. Zero means the default said in each comment.
type Options struct {
	// Path is the trace, compressed if it ends in .gz. Required. A file that is there is kept,
	// under a name that begins with "previous-".
	Path string
	// MaxBytes bounds the trace and its payloads together, before compression; default 1 GiB.
	MaxBytes int64
	// MaxAge is how long is recorded, from the first arrival; default 1 h.
	MaxAge time.Duration
	// Payloads keeps the requests' bodies too, in trace.PayloadsPath.
	Payloads bool
	// Log takes the beginning, the end and what is dropped; default none.
	Log *zap.Logger
}

// Stats are what a recorder has done. Counts only grow.
type Stats struct {
	// Arrivals are written, Dropped are not because the ring was full.
	Arrivals, Dropped uint64
	// PayloadsDropped are arrivals that were written without the body that they had.
	PayloadsDropped uint64
	// Bytes are those of the trace and its payloads, before compression.
	Bytes int64
	// Active is false once recording has ended.
	Active bool
}

// Recorder records until a limit is reached or Close.
type Recorder struct {
	opt    Options
	ring   *ring
	bodies bodies
	ended  atomic.Bool
	stop   chan struct{}
	done   chan struct{}

	arrivals, dropped, payloadsDropped atomic.Uint64
	bytes                              atomic.Int64

	// Of the goroutine that writes alone.
	out      output
	held     []Arrival // taken from the ring, sorted but for the newest
	begun    bool      // an arrival has been written
	first    clock.Instant
	last     time.Duration // offset from the first
	slowest  time.Duration // from an arrival until it was told, of late
	told     uint64        // drops that the log knows of
	throttle telemetry.Throttle
}

// Start creates the files and begins to record. The trace begins with the first arrival.
func Start(o Options) (*Recorder, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
	if o.MaxAge == 0 {
		o.MaxAge = time.Hour
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Path == "" || o.MaxBytes < 0 || o.MaxAge < 0 {
		return nil, fmt.Errorf("cannot record to %q, at most %d bytes and %v: a path and limits above 0 are needed", o.Path, o.MaxBytes, o.MaxAge)
	}
	r := &Recorder{opt: o, ring: newRing(ringSize), stop: make(chan struct{}), done: make(chan struct{})}
	if err := r.out.open(o.Path, o.Payloads); err != nil {
		return nil, err
	}
	o.Log.Info("recording arrivals", zap.String("file", o.Path), zap.Bool("payloads", o.Payloads), zap.Int64("max_bytes", o.MaxBytes), zap.Duration("max_age", o.MaxAge))
	go r.run()
	return r, nil
}

// Payloads reports whether bodies are wanted.
func (r *Recorder) Payloads() bool { return r.opt.Payloads && !r.ended.Load() }

// Arrived records a request. It never blocks, and allocates nothing in steady state. It copies
// the arrival and the payload, which is nil where there is none or none is wanted.
func (r *Recorder) Arrived(a *Arrival, p *trace.Payload) {
	if r.ended.Load() {
		return
	}
	a.body = nil
	if p != nil && r.opt.Payloads {
		if a.body = r.bodies.tryCopy(p); a.body == nil {
			r.payloadsDropped.Add(1)
		}
	}
	if !r.ring.tryPut(a) {
		r.bodies.put(a.body)
		r.dropped.Add(1)
	}
}

// Stats may be called at any time.
func (r *Recorder) Stats() Stats {
	return Stats{
		Arrivals: r.arrivals.Load(), Dropped: r.dropped.Load(), PayloadsDropped: r.payloadsDropped.Load(),
		Bytes: r.bytes.Load(), Active: !r.ended.Load(),
	}
}

// Close writes what has come and completes the file. The caller no longer calls Arrived. It
// waits for the disk until ctx ends, and calls after the first wait too.
func (r *Recorder) Close(ctx context.Context) error {
	if r.ended.CompareAndSwap(false, true) {
		close(r.stop)
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot complete the trace %s in time: %w", r.opt.Path, ctx.Err())
	}
}
