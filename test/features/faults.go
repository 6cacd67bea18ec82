package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/rueidis"
)

// lateRoom is how much later than its budget an answer may come, and latePoints how many more of 100 may be later than without features.
const (
	lateRoom   = time.Millisecond
	latePoints = 0.1
)

// fault is something that happens to the store, again and again while a stretch lasts.
type fault struct {
	name string
	// on makes the store that it happens to; nil if it is that of the fault before.
	on func(s *stage, dir string) (storage, error)
	// each is done every so often, from the begin of a stretch on; nil if there is nothing to repeat.
	every time.Duration
	each  func(s *stage) error
	// before and after surround the stretch.
	before, after func(s *stage) error
	// opens says that the breaker must open, and close again when the store is well.
	opens bool
}

var faults = []fault{
	{name: "none", on: onRedis},
	{name: "stalled for ten times the budget", every: 2 * 10 * budget, each: (*stage).stall, opens: true},
	{name: "connections reset", every: 100 * time.Millisecond, each: (*stage).reset},
	{name: "wrong types", before: func(s *stage) error { return s.spoil("wrong") }, after: (*stage).refill},
	{name: "half of the keys lost", before: func(s *stage) error { return s.spoil("") }, after: (*stage).refill},
	{name: "killed and restarted", every: time.Second, each: (*stage).restart, after: (*stage).refill, opens: true},
	{name: "cluster slots moved", on: onCluster, every: 100 * time.Millisecond, each: func(s *stage) error { return s.cluster.move(s.names) }},
	{name: "PgBouncer restarted", on: onBouncer, every: 3 * time.Second, each: (*stage).restartBouncer, opens: true},
}

// movedKeys is how many keys' slots are moved each time.
const movedKeys = 20

// refill writes all rows again.
func (s *stage) refill() error { return s.fill() }

// onStages calls do with each fault, and a gateway before the store that it happens to.
func onStages(binary, dir string, do func(s *stage, f *fault) error) error {
	var s *stage
	defer func() {
		if s != nil {
			s.end()
		}
	}()
	for i := range faults {
		f := &faults[i]
		if f.on != nil {
			if s != nil {
				s.end()
				s = nil
			}
			own, err := folder(dir, fmt.Sprint("fault-", i))
			if err != nil {
				return err
			}
			made, err := newStage(binary, own, f.on, budget, groupBudget)
			if err != nil {
				return err
			}
			s = made
		}
		if err := do(s, f); err != nil {
			return fmt.Errorf("%s: %w\n%s", f.name, err, s.Log())
		}
	}
	return nil
}

// restartBouncer kills PgBouncer, and starts it after ten times the budget.
func (s *stage) restartBouncer() error {
	s.bouncer.Kill()
	time.Sleep(10 * budget)
	return s.bouncer.Start()
}

// stall holds the server for ten times the budget.
func (s *stage) stall() error {
	if err := s.redis.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(10 * budget)
	return s.redis.Signal(syscall.SIGCONT)
}

// reset has the server close the connections of others.
func (s *stage) reset() error {
	return s.redis.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Error()
}

// spoil makes half of the keys texts, or nothing.
func (s *stage) spoil(text string) error {
	var commands []rueidis.Completed
	for i := 0; i < len(s.names); i += 2 {
		commands = append(commands, s.redis.B().Del().Key(s.names[i]).Build())
		if text != "" {
			commands = append(commands, s.redis.B().Set().Key(s.names[i]).Value(text).Build())
		}
	}
	for _, reply := range s.redis.DoMulti(context.Background(), commands...) {
		if err := reply.Error(); err != nil {
			return err
		}
	}
	return nil
}

// restart kills the server, and starts it after ten times the budget, with all rows.
func (s *stage) restart() error {
	s.redis.end()
	time.Sleep(10 * budget)
	if err := s.redis.start(); err != nil {
		return err
	}
	return s.fill()
}

// slice is what came of one kind of requests in a while.
type slice struct {
	sent, late, full, degraded, refused, wrong int
	took                                       []time.Duration
	example                                    string
}

func (a *slice) add(b *slice) {
	a.sent, a.late, a.full, a.degraded, a.refused, a.wrong = a.sent+b.sent, a.late+b.late, a.full+b.full, a.degraded+b.degraded, a.refused+b.refused, a.wrong+b.wrong
	a.took = append(a.took, b.took...)
	if b.example != "" {
		a.example = b.example
	}
}

func (a *slice) lateShare() float64 { return 100 * float64(a.late) / max(float64(a.sent), 1) }

// note judges an answer: one that says that all is stored must be right, and one with defaults must say so in both places. A refusal
// is 422, 429 or 503 with its code, or a 504.
func (a *slice) note(id int64, right string, filled bool, got *answer, took time.Duration) {
	a.sent++
	a.took = append(a.took, took)
	if took > budget+lateRoom {
		a.late++
	}
	degraded := strings.Contains(got.body, `"degraded":true`)
	switch {
	case got.err != nil:
	case got.status == http.StatusOK && !degraded && got.outputs() == right && (!filled || got.defaults() == 0):
		a.full++
		return
	case got.status == http.StatusOK && filled && degraded && got.defaults() > 0:
		a.degraded++
		return
	case got.status == http.StatusUnprocessableEntity && strings.Contains(got.body, "FEATURE_MISSING"), got.status == http.StatusGatewayTimeout,
		(got.status == http.StatusServiceUnavailable || got.status == http.StatusTooManyRequests) && strings.Contains(got.body, `"code"`):
		a.refused++
		return
	}
	a.wrong++
	a.example = fmt.Sprintf("id %d: %d %q %.200s %v, want %s", id, got.status, got.features, got.body, got.err, right)
}

// traffic sends requests of some kinds, each at the rate, for a while, and waits for their answers.
func (s *stage) traffic(rng *rand.Rand, rate float64, length time.Duration, kinds ...string) (slices map[string]*slice) {
	var mu sync.Mutex
	var under sync.WaitGroup
	slices = map[string]*slice{}
	for _, kind := range kinds {
		slices[kind] = &slice{}
	}
	begun := time.Now()
	for due := time.Duration(0); due < length; due += poisson(rng, rate) {
		time.Sleep(time.Until(begun.Add(due)))
		for _, kind := range kinds {
			id := rng.Int64N(entities)
			under.Go(func() {
				model, _, _ := strings.Cut(kind, " ")
				filled, body := model != "plain", given(id)
				if filled {
					body = byID(id)
				}
				at := time.Now()
				got := s.ask(model, body)
				took := time.Since(at)
				mu.Lock()
				defer mu.Unlock()
				slices[kind].note(id, s.right[id], filled, &got, took)
			})
		}
	}
	under.Wait()
	return slices
}

// during runs something while a fault happens again and again.
func (s *stage) during(f *fault, do func()) (err error) {
	if f.before != nil {
		if err := f.before(s); err != nil {
			return err
		}
	}
	over := make(chan struct{})
	var happens sync.WaitGroup
	if f.each != nil {
		happens.Go(func() {
			for err == nil {
				err = f.each(s)
				select {
				case <-over:
					return
				case <-time.After(f.every):
				}
			}
		})
	}
	do()
	close(over)
	happens.Wait()
	if err == nil && f.after != nil {
		err = f.after(s)
	}
	return err
}
