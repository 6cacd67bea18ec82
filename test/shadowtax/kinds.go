package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/cputime"
	"sluice/loadtest/engine"
	"sluice/loadtest/sample"
	"sluice/shadow"
)

// kind is a way in which a candidate behaves.
type kind struct {
	name   string
	absent bool        // there is none: a control
	orders fake.Orders // of its device, once it is up
	kills  bool        // it is killed, once it is up
}

var kinds = []kind{
	{name: "absent", absent: true},
	{name: "healthy"},
	{name: "hung", orders: fake.Orders{Hang: true}},
	{name: "crashing", kills: true},
	{name: "slow", orders: fake.Orders{Slow: 100}},
	{name: "allocating", orders: fake.Orders{Leak: 64 << 20}},
}

// limits are those of the acceptance: 0.3 ms of p99, and 3 % of the CPU of a request.
var limits = struct{ p99, cpu float64 }{300e-6, 0.03}

// window is a slice of a run that is measured.
type window struct {
	from, to time.Duration
	cpu      time.Duration
	on       bool
}

// try measures pairs of a kind.
func (s *stage) try(k kind, r *result, pairs int) error {
	var before shadow.Coverage // a comparison goes on from the kinds before
	if !k.absent {
		report, err := s.begin()
		if err != nil {
			return err
		}
		before = report.Coverage
		defer func() {
			_ = os.Remove(s.orders)
			_ = s.change("shadow", map[string]any{"version": "2", "on": false})
		}()
	}
	if err := s.pairsOf(k, pairs, r); err != nil || k.absent {
		return err
	}
	return s.account(r, &before)
}

// begin makes version 2 a shadow and waits until it is up.
func (s *stage) begin() (*shadow.Report, error) {
	_ = os.Remove(s.orders)
	if err := s.change("shadow", map[string]any{"version": "2"}); err != nil {
		return nil, err
	}
	const startup = 3 * time.Minute // a busy machine leaves it little
	for begun := time.Now(); time.Since(begun) < startup; time.Sleep(50 * time.Millisecond) {
		all, err := s.shadows()
		if err != nil {
			return nil, err
		}
		if len(all) > 0 && all[0].State == shadow.Up {
			return &all[0], nil
		}
	}
	return nil, fmt.Errorf("the shadow does not come up within %v", startup)
}

// account reads what became of the mirrored requests once none is under way.
func (s *stage) account(r *result, before *shadow.Coverage) error {
	_ = os.Remove(s.orders)
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		all, err := s.shadows()
		if err != nil || len(all) != 1 {
			return errors.Join(err, fmt.Errorf("there are %d shadows", len(all)))
		}
		c := &all[0].Coverage
		if c.Waiting > 0 && time.Since(begun) < 10*time.Second {
			continue
		}
		lost := uint64(0)
		for _, n := range c.Dropped {
			lost += n
		}
		for _, n := range c.Failed {
			lost += n
		}
		r.Seen, r.Compared, r.Restarts = r.Seen+c.Seen-before.Seen, r.Compared+c.Compared-before.Compared, r.Restarts+all[0].Restarts
		r.Unaccounted += int64(c.Seen) - int64(c.Compared+c.Waiting+lost)
		return nil
	}
}

// pairsOf measures some pairs in one stretch of traffic.
func (s *stage) pairsOf(k kind, pairs int, r *result) error {
	random := rand.New(rand.NewPCG(s.seed, s.runs))
	e, checker, err := s.traffic(time.Duration(2*pairs+1) * (s.slice + s.slice/5))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	for !e.Progress().Begun {
		select {
		case err := <-ended:
			return errors.Join(errors.New("the traffic did not begin"), err)
		case <-time.After(time.Millisecond):
		}
	}
	stop, troubled := make(chan struct{}), make(chan struct{})
	go func() { defer close(troubled); s.trouble(k, stop) }()
	var windows []window
	for range pairs {
		first := random.IntN(2) == 0
		for _, on := range []bool{first, !first} {
			w, fault := s.window(e, on)
			if err = errors.Join(err, fault); err == nil {
				windows = append(windows, w)
			}
		}
	}
	close(stop)
	<-troubled
	err = errors.Join(err, s.pause(false))
	cancel()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	r.Wrong += int(checker.Counts().Wrong)
	return s.add(r, e.Samples(), windows)
}

// window measures a slice of the traffic under way.
func (s *stage) window(e *engine.Engine, on bool) (w window, err error) {
	if err := s.pause(!on); err != nil {
		return w, err
	}
	time.Sleep(s.settles)
	begin := e.Progress().Begin
	before, err := cputime.Process(s.PID())
	if err != nil {
		return w, err
	}
	w.on, w.from = on, clock.Now().Sub(begin)
	time.Sleep(s.slice - s.settles)
	after, err := cputime.Process(s.PID())
	w.to, w.cpu = clock.Now().Sub(begin), after-before
	return w, err
}

// add counts the pairs of some windows.
func (s *stage) add(r *result, samples []sample.Sample, windows []window) error {
	for i := range samples {
		if x := &samples[i]; !x.Right() && x.Outcome != sample.Unsent {
			r.Unanswered[x.Outcome]++
		}
	}
	measured := make([]slice, len(windows))
	for i := range windows {
		var err error
		if measured[i], err = sliceOf(&windows[i], samples); err != nil {
			return err
		}
	}
	for i := 0; i+1 < len(windows); i += 2 {
		on, off := measured[i], measured[i+1]
		if !windows[i].on {
			on, off = off, on
		}
		r.Pairs = append(r.Pairs, pair{On: on, Off: off})
	}
	return nil
}

// sliceOf is what the requests of a window took that were answered; a request that was not is as slow as the patience with it.
func sliceOf(w *window, samples []sample.Sample) (slice, error) {
	var took []time.Duration
	for i := range samples {
		x := &samples[i]
		if x.Intended < w.from || x.Intended >= w.to {
			continue
		}
		if x.Right() {
			took = append(took, x.Response())
		} else {
			took = append(took, patience)
		}
	}
	if len(took) < 100 {
		return slice{}, fmt.Errorf("a slice of %v has %d requests; it needs 100 for a p99", w.to-w.from, len(took))
	}
	slices.Sort(took)
	return slice{Answers: len(took), P99: took[len(took)*99/100].Seconds(), CPU: w.cpu.Seconds() / float64(len(took))}, nil
}

// trouble keeps a candidate misbehaving: it comes up well, since it would not pass its load gates otherwise, and goes wrong
// then.
func (s *stage) trouble(k kind, stop <-chan struct{}) {
	wrong := k.orders != fake.Orders{}
	if k.absent || !wrong && !k.kills {
		return
	}
	for {
		select {
		case <-stop:
			return
		case <-time.After(500 * time.Millisecond):
		}
		all, err := s.shadows()
		switch {
		case err != nil || len(all) == 0:
		case all[0].State == shadow.Halted:
			_ = s.change("shadow", map[string]any{"version": "2"})
		case all[0].State != shadow.Up:
			_ = os.Remove(s.orders)
		case k.kills:
			_ = syscall.Kill(all[0].PID, syscall.SIGKILL)
		default:
			_ = fake.WriteOrders(s.orders, k.orders)
		}
	}
}
