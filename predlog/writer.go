package predlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/telemetry"
	"sluice/predlog/table"
)

// Options say what is recorded and where. Zero means the default said in each comment.
type Options struct {
	// Dir is the folder, which is made if it is not there. Required, and nobody else's.
	Dir string
	// Sample is the share of requests that are recorded by chance, from 0 to 1.
	Sample float64
	// Index records every request, those that are not chosen without tensors.
	Index bool
	// Keep is how many of each kind are recorded in a second besides the sample; default none.
	Keep [NumKinds]int
	// Redact names inputs that are not written as they came; HashKey is the key of those that are hashed.
	Redact  map[string]Redaction
	HashKey []byte
	// MaxBytes bounds the folder: the oldest files go; default 10 GiB.
	MaxBytes int64
	// MaxAge is how long a file is kept; default 30 days.
	MaxAge time.Duration
	// MaxRecord is the most that one record may take; default 1 MiB.
	MaxRecord int
	// QueueBytes and QueueRecords bound what waits for the disk; default 32 MiB and 65536.
	QueueBytes   int64
	QueueRecords int
	// SpoolBytes and SpoolAge are when a spool is full and when it is aged; default 64 MiB, and at most a
	// quarter of MaxBytes, and 5 min.
	SpoolBytes int64
	SpoolAge   time.Duration
	// Log hears of what begins, ends and fails; default none.
	Log *zap.Logger

	draw   func() uint64
	create func(path string) (spoolFile, error)
}

func (o *Options) setDefaults() {
	o.MaxBytes = cmp.Or(o.MaxBytes, 10<<30)
	o.MaxAge = cmp.Or(o.MaxAge, 30*24*time.Hour)
	o.MaxRecord = cmp.Or(o.MaxRecord, 1<<20)
	o.QueueBytes = cmp.Or(o.QueueBytes, 32<<20)
	o.QueueRecords = cmp.Or(o.QueueRecords, 1<<16)
	o.SpoolBytes = cmp.Or(o.SpoolBytes, min(64<<20, o.MaxBytes/4))
	o.SpoolAge = cmp.Or(o.SpoolAge, 5*time.Minute)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.draw == nil {
		o.draw = func() uint64 { return rand.Uint64() >> 1 }
	}
	if o.create == nil {
		o.create = createSpool
	}
}

func (o *Options) check() error {
	var faults []error
	if o.Dir == "" {
		faults = append(faults, errors.New("a folder is required"))
	}
	if !(o.Sample >= 0 && o.Sample <= 1) {
		faults = append(faults, fmt.Errorf("the sample is %v; it must be from 0 to 1", o.Sample))
	}
	for k, n := range o.Keep {
		if n < 0 {
			faults = append(faults, fmt.Errorf("%d of kind %s are kept in a second; it must not be negative", n, Kind(k)))
		}
	}
	for name, how := range o.Redact {
		if how == Hash && len(o.HashKey) < LeastKey {
			faults = append(faults, fmt.Errorf("input %q is to be hashed, and the key has %d bytes; it must have %d or more", name, len(o.HashKey), LeastKey))
		}
	}
	if o.MaxRecord > maxFrame || int64(o.MaxRecord) > o.QueueBytes {
		faults = append(faults, fmt.Errorf("a record may take %d bytes; it must fit the queue, %d, and a frame, %d", o.MaxRecord, o.QueueBytes, maxFrame))
	}
	return errors.Join(faults...)
}

// LeastKey is the shortest key for hashes, in bytes: with fewer, values could be tried.
const LeastKey = 16

// Writer writes the log.
type Writer struct {
	opt    Options
	lock   *os.File // closed by the converter, which ends last
	choose chooser
	redact *redactor
	queue  queue
	wall   atomic.Int64 // nanoseconds since 1970 at the monotonic clock's zero

	seen, written atomic.Uint64
	dropped       [NumReasons]atomic.Uint64
	liveBytes     atomic.Int64 // of the spool that is being written
	spoolBytes    atomic.Int64 // of those that are complete
	files         atomic.Uint64
	converting    atomic.Int64 // nanoseconds

	stop, done    chan struct{} // of the loop
	convert       chan struct{} // of size 1: a spool is complete
	converterDone chan struct{}
	abandon       context.CancelFunc

	// Of the loop alone.
	out      segment
	taken    []*buffer
	noted    Numbers // counted when a spool last took note of them
	told     uint64  // drops that the log knows of
	lost     telemetry.Throttle
	failures telemetry.Throttle

	unconverted telemetry.Throttle // of the converter
}

// Start opens the folder, finds what earlier processes have left there, and begins to write.
func Start(o Options) (*Writer, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("cannot write a prediction log: %w", err)
	}
	lock, err := openFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{
		opt: o, lock: lock, redact: newRedactor(o.Redact, o.HashKey),
		stop: make(chan struct{}), done: make(chan struct{}), convert: make(chan struct{}, 1), converterDone: make(chan struct{}),
	}
	w.choose.init(&o)
	w.queue.mostBytes, w.queue.mostRecords, w.queue.wake = o.QueueBytes, int64(o.QueueRecords), make(chan struct{}, 1)
	w.readWall()
	ctx, cancel := context.WithCancel(context.Background())
	w.abandon = cancel
	o.Log.Info("logging predictions", zap.String("dir", o.Dir), zap.Float64("sample", o.Sample), zap.Bool("index", o.Index))
	go w.run()
	go w.runConverter(ctx)
	return w, nil
}

// readWall notes what the wall clock says now.
func (w *Writer) readWall() { w.wall.Store(time.Now().UnixNano() - int64(clock.Now())) }

// Take records a request, if it is chosen. It never waits, and keeps nothing of the record. It may be called from
// any goroutine until Close.
func (w *Writer) Take(r *Record) {
	c := w.choose.choose(r)
	if !c.seen {
		return
	}
	w.seen.Add(1)
	if !c.write {
		w.dropped[Capped].Add(1)
		return
	}
	bound := frameHeader + r.sizeBound(c.tensors == table.TensorsKept)
	if bound > w.opt.MaxRecord || c.tensors == table.TensorsKept && r.values() > mostValues {
		if !w.opt.Index {
			w.dropped[TooLarge].Add(1)
			return
		}
		c.tensors = table.TensorsTooLarge
		bound = frameHeader + r.sizeBound(false)
	}
	if w.queue.full.Load() {
		w.dropped[QueueFull].Add(1)
		return
	}
	b := getBuffer(bound)
	b.frames, b.records = w.appendRecord(append(b.frames, noHeader[:]...), r, &c, int64(r.Arrived)+w.wall.Load()), 1
	seal(b.frames)
	if !w.queue.tryPut(b) {
		w.dropped[QueueFull].Add(1)
	}
}

var noHeader [frameHeader]byte

// Close writes what has come, and makes Parquet files of it. The caller no longer calls Take. It waits for the
// disk until ctx ends: what is spooled then is converted at the next start.
func (w *Writer) Close(ctx context.Context) error {
	close(w.stop)
	defer w.abandon()
	for _, done := range []chan struct{}{w.done, w.converterDone} {
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("cannot complete the prediction log in %s in time: %w", w.opt.Dir, ctx.Err())
		}
	}
	return nil
}
