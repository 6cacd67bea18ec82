package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/loadtest"
	"sluice/loadtest/live"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/verify"
)

// steady is an open load on a gateway: requests at the instants of a Poisson process, whether or
// not the gateway keeps up, each answer held against that row's. It is the load tester's, with its
// ledger kept request by request.
type steady struct {
	t       *testing.T
	options loadtest.RunOptions
	cancel  context.CancelFunc
	ended   chan struct{}

	// What follows is known after stop.
	result *result.Result
	detail *loadtest.Detail
	err    error
	begin  time.Time
}

// newSteady asks for each row's answer while all is well.
func newSteady(g *running, model string, budget time.Duration) *steady {
	g.t.Helper()
	s := &steady{t: g.t, ended: make(chan struct{})}
	s.options = loadtest.RunOptions{Length: time.Minute, Options: loadtest.Options{
		Target: loadtest.Target{
			URL: g.predict, Model: model, PID: -1, Metrics: "none",
			Payload: payload.Options{Protocol: payload.JSON, Variants: 32, Range: &payload.Range{Low: -2, High: 2}, Budget: budget},
		},
		// One device may round in other places than another.
		Verify: verify.Options{Tolerance: &verify.Tolerance{Abs: 1e-4, Rel: 1e-3}},
		Seed:   1, Connections: 256, NoSpin: true, Within: budget,
	}}
	file := filepath.Join(g.t.TempDir(), "expected.jsonl")
	if _, err := loadtest.Record(g.t.Context(), s.options.Options, file); err != nil {
		g.t.Fatal(err)
	}
	s.options.Target.Payload.Source, s.options.Target.Payload.Range = "golden:"+file, nil
	return s
}

// begun is a view that sees that the load has begun.
type begun struct {
	once sync.Once
	yes  chan struct{}
}

func (*begun) Title(string)         {}
func (*begun) Note(string)          {}
func (b *begun) Show(live.Snapshot) { b.once.Do(func() { close(b.yes) }) }

// run sends rate requests a second until stop, and returns once it does.
func (s *steady) run(rate int) {
	s.t.Helper()
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.t.Cleanup(func() {
		s.cancel()
		<-s.ended
	})
	view := &begun{yes: make(chan struct{})}
	s.options.View, s.options.Load = view, fmt.Sprintf("poisson:%d", rate)
	go func() {
		defer close(s.ended)
		s.result, s.detail, s.err = loadtest.Run(ctx, s.options)
	}()
	select {
	case <-view.yes:
	case <-s.ended:
		s.t.Fatalf("the load ended before it began: %v", s.err)
	}
}

// stop ends the load and waits for what is on its way. Every request must be in the ledger, and no
// answer may come that nobody waits for.
func (s *steady) stop() {
	s.t.Helper()
	s.cancel()
	<-s.ended
	if s.err != nil {
		s.t.Fatal(s.err)
	}
	s.begin = s.detail.Start
	if l := s.result.Ledger; !l.Closed || l.Extra > 0 {
		s.t.Errorf("the ledger is not closed: %+v", l)
	}
}

// since is a moment of the load.
func (s *steady) since(t time.Time) time.Duration { return t.Sub(s.begin) }

// tally sums a stretch of the ledger.
type tally struct {
	sent, ok, late, refused, lost, wrong int
	devices                              map[string]int
	tail                                 time.Duration // 99th percentile of the good answers
}

func (s *steady) tally(from, to time.Duration) tally {
	t := tally{devices: map[string]int{}}
	var took []time.Duration
	for i := range s.detail.Samples {
		o := &s.detail.Samples[i]
		if o.Intended < from || o.Intended >= to {
			continue
		}
		t.sent++
		switch {
		case o.Outcome == sample.Wrong:
			t.wrong++
		case o.Outcome == sample.OK:
			t.ok++
			took = append(took, o.Response())
			t.devices[s.detail.Devices[o.Device]]++
			if o.Response() > s.options.Within {
				t.late++
			}
		case o.Status == http.StatusTooManyRequests || o.Status == http.StatusServiceUnavailable || o.Status == http.StatusGatewayTimeout:
			t.refused++
		default:
			t.lost++
		}
	}
	if len(took) > 0 {
		slices.Sort(took)
		t.tail = took[len(took)*99/100]
	}
	return t
}

func (t tally) String() string {
	return fmt.Sprintf("%d sent, %d answered, %d late, %d refused, %d lost, %d wrong, p99 %v, on %v",
		t.sent, t.ok, t.late, t.refused, t.lost, t.wrong, t.tail.Round(100*time.Microsecond), t.devices)
}

// each logs the ledger second by second.
func (s *steady) each() {
	s.t.Helper()
	last := s.detail.Samples[len(s.detail.Samples)-1].Intended
	for at := time.Duration(0); at < last; at += time.Second {
		s.t.Logf("second %2.0f: %v", at.Seconds(), s.tally(at, at+time.Second))
	}
	if why := s.result.Validity.Reasons; len(why) > 0 {
		s.t.Logf("the load tester calls its run invalid: %s", strings.Join(why, "; "))
	}
}
