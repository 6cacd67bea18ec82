package record

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"time"
	"unicode/utf8"
	"unsafe"

	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/trace"
)

// What recording ends with, besides a failure.
var (
	errClosed = errors.New("the server stops")
	errBytes  = errors.New("the trace has reached its largest size, record.max_bytes")
	errAge    = errors.New("the trace has reached its largest age, record.max_age")
)

// run empties the ring until recording ends.
func (r *Recorder) run() {
	defer close(r.done)
	tick := time.NewTicker(emptyEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		var err error
		select {
		case <-r.stop:
			r.empty()
			if err = r.write(clock.Never); err == nil {
				err = errClosed
			}
		case <-tick.C:
			now := clock.Now()
			r.empty()
			err = r.write(now.Add(-min(max(r.slowest, window), maxWindow)))
			if err == nil && r.begun && now.Sub(r.first) >= r.opt.MaxAge {
				if err = r.write(clock.Never); err == nil {
					err = errAge
				}
			}
			if err == nil && n%flushEvery == 0 {
				err = r.out.flush()
			}
		}
		if dropped := r.dropped.Load(); dropped > r.told {
			r.told = dropped
			r.throttle.Warn(r.opt.Log, "arrivals are dropped from the trace: they come faster than they can be written", zap.Uint64("dropped", dropped))
		}
		if err != nil {
			r.end(err)
			return
		}
	}
}

// empty moves the ring's arrivals to those that are held, and notes how long after they came they are told.
func (r *Recorder) empty() {
	now := clock.Now()
	r.slowest -= r.slowest / 64   // by half in 2 s
	for range len(r.ring.slots) { // not for ever, if they come as fast as they are taken
		r.held = append(r.held, Arrival{})
		if !r.ring.take(&r.held[len(r.held)-1]) {
			r.held = r.held[:len(r.held)-1]
			break
		}
		r.slowest = max(r.slowest, now.Sub(r.held[len(r.held)-1].At))
	}
	slices.SortStableFunc(r.held, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
}

// write writes those that arrived before an instant, and those for which there is no room.
func (r *Recorder) write(before clock.Instant) (err error) {
	n := 0
	for ; n < len(r.held) && err == nil && (r.held[n].At < before || len(r.held)-n > maxHeld); n++ {
		err = r.writeOne(&r.held[n])
		r.bodies.put(r.held[n].body)
	}
	kept := copy(r.held, r.held[n:])
	clear(r.held[kept:])
	r.held = r.held[:kept]
	r.bytes.Store(r.out.size())
	return err
}

func (r *Recorder) writeOne(a *Arrival) error {
	if !r.begun {
		r.begun, r.first = true, a.At
		if err := r.out.begin(a.At); err != nil {
			return err
		}
	}
	at := max(a.At.Sub(r.first), r.last)
	if at > r.opt.MaxAge {
		return errAge
	}
	out := trace.Arrival{
		At: at, Model: a.Model, Rows: min(max(a.Rows, 1), trace.MaxRows), Budget: min(max(a.Budget, 0), trace.MaxTime), Bytes: max(a.Bytes, 0),
		Shape: a.Shape[:a.Dims], Priority: a.Priority, Version: a.Version, ID: identity(a.id[:a.idLength]), Status: trace.OK, Late: a.Late,
	}
	if a.Fault != fault.None {
		out.Status = a.Fault.Code()
	}
	if slices.ContainsFunc(out.Shape, func(d int64) bool { return d < 0 }) {
		out.Shape = nil
	}
	// No line is longer than this, so that the limit is kept to the byte.
	most := int64(512 + 6*(len(a.Model)+len(a.Version)+len(out.ID)+len(out.Status)) + 21*a.Dims)
	if a.body != nil {
		p := a.body.payload()
		if r.out.size()+most+int64(len(p.Body)+6*a.body.codingStart+512) > r.opt.MaxBytes {
			return errBytes
		}
		key, err := r.out.payloads.Write(&p)
		if err != nil {
			return err
		}
		out.Payload = key
	}
	if r.out.size()+most > r.opt.MaxBytes {
		return errBytes
	}
	if err := r.out.trace.Write(&out); err != nil {
		return err
	}
	r.last = at
	r.arrivals.Add(1)
	return nil
}

// identity is an id as a trace takes it: a view of one that is UTF-8, else what replaces it.
func identity(id []byte) string {
	if utf8.Valid(id) {
		return unsafe.String(unsafe.SliceData(id), len(id))
	}
	return string(bytes.ToValidUTF8(id, []byte("?"))) // which is never longer
}

// end completes the files. What is said is what recording ended with first.
func (r *Recorder) end(reason error) {
	r.ended.Store(true)
	for i := range r.held {
		r.bodies.put(r.held[i].body)
	}
	r.held = nil
	closed := r.out.close()
	r.bytes.Store(r.out.size())
	s := r.Stats()
	fields := []zap.Field{
		zap.String("file", r.opt.Path), zap.Uint64("arrivals", s.Arrivals), zap.Uint64("dropped", s.Dropped),
		zap.Uint64("payloads_dropped", s.PayloadsDropped), zap.Int64("bytes", s.Bytes),
	}
	ordinary := errors.Is(reason, errClosed) || errors.Is(reason, errBytes) || errors.Is(reason, errAge)
	if ordinary && closed != nil {
		reason, ordinary = closed, false
	}
	if ordinary {
		r.opt.Log.Info("recording has ended", append(fields, zap.String("reason", reason.Error()))...)
	} else {
		r.opt.Log.Error("recording has failed and ended; the server goes on without it", append(fields, zap.Error(reason))...)
	}
}
