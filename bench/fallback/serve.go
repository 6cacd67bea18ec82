package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sluice/batcher"
	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/traffic"
)

// queueLimit is the control's threshold, in requests.
const queueLimit = 16

// arrival is one request of a turn and what became of it.
type arrival struct {
	due  clock.Instant
	task *task.Task // until it has ended
	turn *turn

	took  time.Duration
	ok    bool
	onCPU bool
}

type turn struct {
	all  []arrival
	left atomic.Int64
}

// Ended notes the answer.
func (a *arrival) Ended() task.Waker {
	a.took = clock.Now().Sub(a.due)
	a.ok, a.onCPU = a.task.Err == nil, a.task.Trace.Device == cpuName
	a.task.Release()
	a.turn.left.Add(-1)
	return nil
}

// serve offers a load for a while, after a second that does not count, and sums it up.
func (r *rig) serve(p sharing, l load, length time.Duration, seed uint64) (point, error) {
	const warm = time.Second
	s, err := r.start(p)
	if err != nil {
		return point{}, err
	}
	due := gaps(l, r.gpuRate, warm+length, seed)
	t := &turn{all: make([]arrival, len(due))}
	t.left.Store(int64(len(due)))
	begin := clock.Now().Add(10 * time.Millisecond)
	r.offer(s, t, begin, due)
	for t.left.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	err = s.stop()
	return t.sum(p, l, begin.Add(warm), length), err
}

func (s *service) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.first.Close(ctx)
	if s.overflow != nil {
		err = errors.Join(err, s.overflow.Close(ctx))
	}
	s.b.Close()
	return err
}

// gaps are the instants of arrival: a renewal process with Gamma gaps, of which CV 1 is
// Poisson.
func gaps(l load, capacity float64, length time.Duration, seed uint64) (due []time.Duration) {
	process := traffic.Steady(l.Share*capacity, l.CV).Start(rand.New(rand.NewPCG(seed, 11)))
	for at := process.Next(); at < length; at = process.Next() {
		due = append(due, at)
	}
	return due
}

// offer submits each arrival when it is due. It sleeps between them on a thread of its own.
func (r *rig) offer(s *service, t *turn, begin clock.Instant, due []time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for i, at := range due {
		a := &t.all[i]
		a.due, a.turn = begin.Add(at), t
		if wait := a.due.Sub(clock.Now()); wait > 0 {
			pause := unix.NsecToTimespec(int64(wait))
			_ = unix.Nanosleep(&pause, nil)
		}
		a.task = r.task(a, a.due)
		if s.pick().Submit(a.task) != nil { // refused
			a.task.Release()
			t.left.Add(-1)
		}
		s.b.Run()
	}
}

// pick is the model that takes the next request: the control looks at the queue.
func (s *service) pick() *batcher.Model {
	if s.overflow != nil && s.first.Queue().Requests > queueLimit {
		return s.overflow
	}
	return s.first
}

// sum counts the arrivals from an instant on.
func (t *turn) sum(p sharing, l load, from clock.Instant, length time.Duration) point {
	var good, sent, onCPU int
	var took []time.Duration
	for i := range t.all {
		a := &t.all[i]
		if a.due < from {
			continue
		}
		sent++
		if !a.ok {
			continue
		}
		took = append(took, a.took)
		if a.onCPU {
			onCPU++
		}
		if a.took <= budget {
			good++
		}
	}
	out := point{load: l, Policy: p, Goodput: float64(good) / length.Seconds(), Attainment: float64(good) / float64(sent)}
	if len(took) > 0 {
		slices.Sort(took)
		out.P99 = took[len(took)*99/100].Seconds() * 1e3
		out.OnCPU = float64(onCPU) / float64(len(took))
	}
	return out
}
