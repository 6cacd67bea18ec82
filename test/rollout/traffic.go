package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"time"

	"sluice/internal/clock"
	"sluice/internal/traffic"
	"sluice/loadtest/engine"
	"sluice/loadtest/load"
	"sluice/loadtest/sample"
)

// record is what became of a stretch of traffic.
type record struct {
	samples []sample.Sample
	// stopped is when the traffic was ended before its plan; 0 if it was not. What was on its way had a second more.
	stopped time.Duration
	right   map[string]int // answers by version
	wrong   string         // the first wrong one
}

// connections is how many the traffic opens at the most: fewer than the 2,048 that the gateway allows with its memory, and more
// than requests are on their way unless it stalls. Beyond it a request waits, and its clock runs.
const connections = 1500

// patience is how long an answer is waited for.
const patience = 10 * time.Second

// draw draws the instants of a Poisson process.
func (s *stage) draw(length time.Duration) (engine.Options, error) {
	l, err := traffic.Parse(fmt.Sprintf("poisson:%g", s.rate))
	if err != nil {
		return engine.Options{}, err
	}
	s.runs++
	schedule, err := load.Draw(l, load.Options{Seed: s.seed<<32 + s.runs, Length: length, Variants: questions})
	if err != nil {
		return engine.Options{}, err
	}
	return engine.Options{Arrivals: schedule.Arrivals, NoSpin: true}, nil
}

// during sends requests while something is done, which takes less than most.
func (s *stage) during(most time.Duration, do func() error) (*record, error) {
	o, err := s.draw(most)
	if err != nil {
		return nil, err
	}
	return s.send(o, nil, func(since func() time.Duration) error {
		if err := do(); err != nil || since() < most {
			return err
		}
		return fmt.Errorf("what was done under load took longer than %v", most)
	})
}

// send sends what is planned, each request about a unit if there are exposures. What is done meanwhile is told the time since the first
// instant; when it is done nothing more is sent. nil has all sent.
func (s *stage) send(o engine.Options, x *exposures, do func(since func() time.Duration) error) (*record, error) {
	c := &checker{answers: s.answers, exposures: x, right: map[string]int{}}
	o.Connections, o.Timeout = connections, patience
	o.Targets = []engine.Target{{Addr: s.addr, Payloads: s.answers.payloads(x != nil), Checker: c}}
	e, err := engine.New(o)
	if err != nil {
		return nil, err
	}
	runtime.GC() // or what is left of the phase before would be collected under load
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	for !e.Progress().Begun {
		select {
		case err := <-ended:
			return nil, errors.Join(errors.New("the traffic did not begin"), err)
		case <-time.After(time.Millisecond):
		}
	}
	begin := e.Progress().Begin
	if do != nil {
		if err = do(func() time.Duration { return clock.Now().Sub(begin) }); err != nil || int(e.Progress().Noticed) < len(o.Arrivals) {
			cancel()
		}
	}
	if err := errors.Join(err, <-ended); err != nil {
		return nil, err
	}
	return &record{e.Samples(), e.Progress().Stopped, c.right, c.fault}, nil
}

// The rate is a part of what so many clients get that each wait for their answer, over so long.
const (
	capacityPart    = 0.6
	capacityClients = 32
	capacityLength  = 4 * time.Second
)

// measure sets the rate.
func (s *stage) measure() error {
	r, err := s.send(engine.Options{Closed: &engine.Closed{Workers: capacityClients, Length: capacityLength}, NoSpin: true}, nil, nil)
	if err != nil {
		return err
	}
	n := 0
	for i := range r.samples {
		if at := r.samples[i].Last; r.samples[i].Right() && at >= capacityLength/4 && at < capacityLength {
			n++
		}
	}
	if s.capacity = float64(n) / (capacityLength * 3 / 4).Seconds(); n == 0 {
		return fmt.Errorf("a closed loop of %d clients got no right answer in %v: %v", capacityClients, capacityLength, r.ledger())
	}
	s.rate = math.Round(capacityPart * s.capacity)
	return nil
}

// setting says what was sent, in a sentence.
func (s *stage) setting() string {
	if s.capacity == 0 {
		return fmt.Sprintf("Open loop, Poisson, %.0f requests a second of one row.", s.rate)
	}
	return fmt.Sprintf("Open loop, Poisson, %.0f requests a second of one row: %.0f %% of the %.0f that %d clients in a closed loop got in %v.",
		s.rate, 100*capacityPart, s.capacity, capacityClients, capacityLength*3/4)
}

// ledger is how requests ended; each has exactly one end.
type ledger struct {
	sent, right, wrong int
	// busy were answered 429 and late 504; other had any other end.
	busy, late, other int
	cut               int    // on their way when the traffic was ended, and not answered within a second
	example           string // of a wrong or other one
}

func (l *ledger) add(more ledger) {
	l.sent, l.right, l.wrong = l.sent+more.sent, l.right+more.right, l.wrong+more.wrong
	l.busy, l.late, l.other, l.cut = l.busy+more.busy, l.late+more.late, l.other+more.other, l.cut+more.cut
	if l.example == "" {
		l.example = more.example
	}
}

// refused is the share of requests that were answered 429 or 504.
func (l *ledger) refused() float64 { return float64(l.busy+l.late) / max(float64(l.sent), 1) }

// errors are the requests that got neither a right answer nor 429 nor 504.
func (l *ledger) errors() int { return l.wrong + l.other }

// String names what occurred.
func (l *ledger) String() string {
	text := fmt.Sprintf("%d requests: %d right, %d wrong, %d 429, %d 504, %d other", l.sent, l.right, l.wrong, l.busy, l.late, l.other)
	if l.cut > 0 {
		text += fmt.Sprintf(", %d on their way at the end", l.cut)
	}
	if l.example != "" {
		text += "; such as: " + l.example
	}
	return text
}

func (r *record) ledger() *ledger {
	l := &ledger{example: r.wrong}
	for i := range r.samples {
		s := &r.samples[i]
		l.sent++
		switch {
		case s.Outcome == sample.OK:
			l.right++
		case s.Outcome == sample.Wrong:
			l.wrong++
		case s.Status == http.StatusTooManyRequests:
			l.busy++
		case s.Status == http.StatusGatewayTimeout:
			l.late++
		case r.stopped > 0 && (s.Outcome == sample.Timeout || s.Outcome == sample.Unsent) && s.Intended+patience > r.stopped+time.Second:
			l.cut++
		default:
			l.other++
			if l.example == "" {
				l.example = fmt.Sprintf("%v, status %d, due at %v of its stretch of traffic", s.Outcome, s.Status, s.Intended.Round(time.Millisecond))
			}
		}
	}
	return l
}

// latencies are those of right answers to requests that were due in a stretch, from that instant.
func (r *record) latencies(from, to time.Duration) (all []time.Duration) {
	for i := range r.samples {
		if s := &r.samples[i]; s.Right() && s.Intended >= from && s.Intended < to {
			all = append(all, s.Response())
		}
	}
	return all
}

// p99 is the 99th percentile, by the nearest rank; 0 of nothing.
func p99(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(math.Ceil(0.99*float64(len(all))))-1]
}
