package predlog

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"sluice/internal/clock"
)

const (
	// emptyEvery is how often the queue is emptied, if it is not half full before.
	emptyEvery = 100 * time.Millisecond
	// syncEvery emptyings the disk takes what was written: a machine that loses its power loses the last second.
	syncEvery = 10
)

// run empties the queue into spools until Close.
func (w *Writer) run() {
	defer close(w.done)
	tick := time.NewTicker(emptyEvery)
	defer tick.Stop()
	for n := 1; ; {
		select {
		case <-w.stop:
			w.empty()
			w.sync()
			w.finish()
			return
		case <-w.queue.wake:
			w.empty()
			continue
		case <-tick.C:
		}
		w.empty()
		if n++; n%syncEvery == 0 {
			w.readWall()
			w.sync()
		}
		if o := &w.out; o.file != nil && (o.size >= w.opt.SpoolBytes || clock.Now().Sub(o.opened) >= w.opt.SpoolAge) {
			w.sync()
			w.finish()
		}
	}
}

// empty writes what waits.
func (w *Writer) empty() {
	w.taken = w.queue.take(w.taken[:0])
	for _, b := range w.taken {
		kept, err := w.append(b.frames)
		w.failed(err)
		whole := wholeFrames(b.frames[:kept])
		w.written.Add(uint64(whole))
		w.dropped[Disk].Add(uint64(b.records - whole))
		w.queue.done(b)
	}
	clear(w.taken)
	w.liveBytes.Store(w.out.size)
	w.tell()
}

// append writes whole frames, into a new spool if there is none, and says how many of their bytes are there.
func (w *Writer) append(frames []byte) (kept int, err error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	kept, err = w.out.append(frames)
	if errors.Is(err, errTorn) { // nothing that follows could be read
		w.finish()
	}
	return kept, err
}

// begin has a spool be there. What was counted since the last one took note of it belongs to the new one.
func (w *Writer) begin() error {
	if w.out.file != nil {
		return nil
	}
	return w.out.open(w.opt.Dir, w.opt.create, w.noted)
}

// sync notes the numbers and has the disk take all.
func (w *Writer) sync() {
	now := w.numbers()
	if w.out.file == nil && now == w.noted {
		return
	}
	err := w.begin()
	if err == nil {
		if err = w.out.note(now); err == nil {
			err = w.out.sync()
		}
		w.noted = w.out.noted
	}
	w.failed(err)
	if errors.Is(err, errTorn) {
		w.finish()
	}
}

// finish hands the spool to the converter.
func (w *Writer) finish() {
	if w.out.file == nil {
		return
	}
	w.failed(w.out.finish())
	w.liveBytes.Store(0)
	select {
	case w.convert <- struct{}{}:
	default:
	}
}

func (w *Writer) failed(err error) {
	if err != nil {
		w.failures.Warn(w.opt.Log, "the prediction log cannot be written; the server goes on without it", zap.String("dir", w.opt.Dir), zap.Error(err))
	}
}

// tell says that records are missing.
func (w *Writer) tell() {
	s := w.Stats()
	lost := s.Dropped[QueueFull] + s.Dropped[TooLarge]
	if lost == w.told {
		return
	}
	w.told = lost
	w.lost.Warn(w.opt.Log, "records are missing from the prediction log", zap.Uint64("queue_full", s.Dropped[QueueFull]), zap.Uint64("too_large", s.Dropped[TooLarge]))
}
