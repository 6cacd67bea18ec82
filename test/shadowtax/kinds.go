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
	"sluice/compare/tax"
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

// result is what came of a kind.
type result struct {
	kind        string
	account     *tax.Account
	pairs       [][2]tax.Slice // with the candidate and without
	figures     *tax.Figures
	p99         float64 // the mean of the slices without the candidate, in seconds
	cpu         float64
	wrong       int
	unanswered  [sample.Outcomes]int
	restarts    uint64
	seen        uint64
	compared    uint64
	unaccounted int64
	before      shadow.Coverage // of the kinds before, since a comparison goes on
	upperP99    float64
	upperCPU    float64
	verdict     string
}

// limits are those of the acceptance: 0.3 ms of p99, and 3 % of the CPU of a request.
var limits = tax.Limits{P99: 300 * time.Microsecond, CPU: 0.03}

// window is a slice of a run that is measured.
type window struct {
	from, to time.Duration
	cpu      time.Duration
	on       bool
}

// try measures pairs of a kind.
func (s *stage) try(k kind) (*result, error) {
	r := &result{kind: k.name, account: tax.New(limits)}
	if !k.absent {
		before, err := s.begin()
		if err != nil {
			return nil, err
		}
		r.before = before.Coverage
		defer func() {
			_ = os.Remove(s.orders)
			_ = s.change("shadow", map[string]any{"version": "2", "on": false})
		}()
	}
	for done := 0; done < s.most; {
		n := min(s.pairs, s.most-done)
		if err := s.pairsOf(k, n, r); err != nil {
			return nil, err
		}
		if done += n; decided(r.account) {
			break
		}
	}
	r.figures = r.account.Report()
	if k.absent {
		return r, nil
	}
	return r, s.account(r)
}

// decided tells whether more pairs would change nothing: both bounds lie on one side of their limits. The level is the strictest that
// Holm's rule asks of one of the kinds.
func decided(a *tax.Account) bool {
	level := 1 - 0.05/float64(len(kinds)-1)
	p99, cpu, ok := a.Upper(level)
	return ok && p99 <= limits.P99.Seconds() && cpu <= limits.CPU
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
func (s *stage) account(r *result) error {
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
		r.seen, r.compared, r.restarts = c.Seen-r.before.Seen, c.Compared-r.before.Compared, all[0].Restarts
		r.unaccounted = int64(c.Seen) - int64(c.Compared+c.Waiting+lost)
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
	r.wrong += int(checker.Counts().Wrong)
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
			r.unanswered[x.Outcome]++
		}
	}
	slices := make([]tax.Slice, len(windows))
	for i := range windows {
		var err error
		if slices[i], err = sliceOf(&windows[i], samples); err != nil {
			return err
		}
	}
	for i := 0; i+1 < len(windows); i += 2 {
		on, off := slices[i], slices[i+1]
		if !windows[i].on {
			on, off = off, on
		}
		r.account.Add(&tax.Pair{On: on, Off: off})
		r.pairs = append(r.pairs, [2]tax.Slice{on, off})
		r.p99 += off.P99.Seconds() / float64(len(windows)/2)
		r.cpu += off.CPU.Seconds() / float64(len(windows)/2)
	}
	return nil
}

// sliceOf is what the requests of a window took that were answered; a request that was not is as slow as the patience with it.
func sliceOf(w *window, samples []sample.Sample) (tax.Slice, error) {
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
		return tax.Slice{}, fmt.Errorf("a slice of %v has %d requests; it needs 100 for a p99", w.to-w.from, len(took))
	}
	slices.Sort(took)
	return tax.Slice{Answers: int64(len(took)), P99: took[len(took)*99/100], CPU: w.cpu / time.Duration(len(took))}, nil
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
