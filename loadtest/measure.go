package loadtest

import (
	"context"
	"math/rand/v2"
	"time"

	"sluice/internal/clock"
	"sluice/internal/traffic"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/stats"
	"sluice/loadtest/watch"
)

// shot is one run of the engine.
type shot struct {
	aims     []*aim
	arrivals []engine.Arrival // of an open loop
	closed   *traffic.Closed  // or of a closed one
	sha      string           // of the arrivals
	window   stats.Window
	seed     uint64

	quantiles []float64
	aborts    []result.Condition
	// phase is what the view calls this one; "" if it is the only one.
	phase string
	// conditions are those that the view has a light for.
	conditions []result.Condition
	// started, if there is one, is told the time of the first instant.
	started func(began time.Time)
}

// measured is what a shot found.
type measured struct {
	samples   []sample.Sample
	devices   []string // the samples' names; that of 0 is none
	window    stats.Window
	began     time.Time     // the wall-clock time of the first instant
	ended     clock.Instant // when the engine had
	summary   *stats.Summary
	resources result.Resources
	server    *result.ServerLedger
	conns     int
	stopped   bool // by the context
	aborted   []result.Threshold
	facts     result.Facts
	watch     *watch.Watch
}

// fire sends what a shot says and gathers what there is to know of it. The expression is for the view.
func fire(ctx context.Context, o *Options, s *shot, expression string) (*measured, error) {
	o.View.Title(s.title(expression))
	if o.Awake {
		asleep, err := keepAwake(latencyRequest)
		if err != nil {
			return nil, usage(err)
		}
		defer asleep()
	}
	e, err := engine.New(s.engineOptions(o))
	if err != nil {
		return nil, err
	}
	first := s.aims[0]
	before, countErr := counters(ctx, first)
	w, err := watch.Start(watch.Options{PID: first.pid, MetricsURL: first.metrics, PacerTID: e.Thread})
	if err != nil { // its process has ended since it was found
		return nil, &payload.NotReadyError{Text: err.Error()}
	}
	m := &measured{watch: w, window: s.window}
	back := restCollector()
	m.aborted, err = follow(ctx, o, s, e, w)
	back()
	m.ended = clock.Now()
	w.Stop()
	if err != nil {
		return nil, err
	}
	p := e.Progress()
	m.samples, m.devices, m.conns = e.Samples(), append([]string{""}, e.Devices()...), int(p.Connections)
	m.began = time.Now().Add(-clock.Now().Sub(p.Begin))
	if m.stopped = p.Stopped > 0; m.stopped {
		m.window.To = min(m.window.To, p.Stopped)
		m.window.From = min(m.window.From, m.window.To)
	}
	m.summarise(o, s, p)
	if countErr == nil {
		if after, err := counters(context.WithoutCancel(ctx), first); err == nil {
			n := m.tally(s)
			m.server = watch.Reconcile(before, after, n.sent, n.received)
		}
	}
	first.note(o.View, w.Notes())
	return m, nil
}

func (s *shot) engineOptions(o *Options) engine.Options {
	opt := engine.Options{
		Arrivals: s.arrivals, Connections: o.Connections, Timeout: o.Timeout, Identity: uint32(rand.Uint64()),
		CPU: o.CPU - 1, RealTime: o.RealTime, NoSpin: o.NoSpin, Gather: o.Gather,
	}
	for _, a := range s.aims {
		opt.Targets = append(opt.Targets, a.engineTarget())
	}
	if c := s.closed; c != nil {
		rng := rand.New(rand.NewPCG(s.seed, 0x636c6f736564))
		variants := s.aims[0].variants()
		opt.Closed = &engine.Closed{
			Workers: c.Workers, Length: s.window.To, Variant: func() uint16 { return uint16(rng.IntN(variants)) },
		}
		if c.Think != (traffic.Think{}) {
			opt.Closed.Think = func() time.Duration { return c.Think.Draw(rng) }
		}
	}
	return opt
}

func (m *measured) summarise(o *Options, s *shot, p engine.Progress) {
	m.summary = stats.Summarise(m.samples, m.window, stats.Options{
		Quantiles: s.quantiles, Seed: s.seed, Devices: m.devices, Timeout: o.Timeout,
		Extra: p.Extra, Reopened: p.Reopened, Closed: s.closed != nil,
	})
	from, to := m.began.Add(m.window.From), m.began.Add(m.window.To)
	m.resources = m.watch.Between(from, to, m.summary.Ledger.Scheduled, m.tally(s).measured)
	m.watch.Fill(m.summary.Series, from)
	m.facts = m.summary.Facts
	f, tool := &m.facts, &m.resources.Tool
	if whole := m.ended.Sub(p.Begin).Seconds(); whole > 0 {
		f.SpinCores = p.Looking.Seconds() / whole
		tool.PacerCores = p.CPU.Seconds() / whole // to the nanosecond, where the system counts hundredths of a second
	}
	f.PacerCores, f.RunQueueP99, f.Steal = tool.PacerCores, tool.RunQueueP99, m.resources.Host.Steal
	if t := m.resources.Target; t != nil {
		f.Restarted = t.Restarted
	}
}

// tally counts requests to one server.
type tally struct {
	sent, received int64 // the warm-up included
	measured       int64 // received of the window
}

// tally counts those to the server that is watched, that of the first target.
func (m *measured) tally(s *shot) (n tally) {
	for i := range m.samples {
		one := &m.samples[i]
		if s.aims[one.Target].addr != s.aims[0].addr {
			continue
		}
		if one.Written > 0 {
			n.sent++
		}
		if one.Answered() {
			n.received++
			if m.holds(one) {
				n.measured++
			}
		}
	}
	return n
}

// holds says whether a request is of the measured window.
func (m *measured) holds(s *sample.Sample) bool {
	return s.Intended >= m.window.From && s.Intended < m.window.To
}

// counters are the target's own, if it has some that are known.
func counters(ctx context.Context, a *aim) (watch.Counters, error) {
	if a.metrics == "" {
		return watch.Counters{}, watch.ErrUnknownServer
	}
	return watch.ServerCounters(ctx, a.metrics)
}

// result puts what was measured into one.
func (m *measured) result(o *Options, s *shot, command string) *result.Result {
	r := m.summary.Result
	r.Schema, r.Command, r.Argv, r.Env = result.Schema, command, o.Argv, environment(o, s.aims)
	r.Start, r.Interrupted = m.began.Add(m.window.From).UTC().Format(time.RFC3339Nano), m.stopped && len(m.aborted) == 0
	r.Resources = &m.resources
	for _, a := range s.aims {
		r.Targets = append(r.Targets, a.describe())
	}
	r.Ledger.Server = m.server
	r.Load.SHA256 = s.sha
	r.Load.Seed, r.Load.Warmup, r.Load.Conns, r.Load.Variants = s.seed, m.window.From.Seconds(), m.conns, s.aims[0].variants()
	for _, a := range s.aims {
		a.verified(&r.Verify)
	}
	return &r
}

// judge fills in the verdict, from the conditions and the rules.
func (m *measured) judge(r *result.Result, conditions []result.Condition) {
	r.Thresholds = append(result.CheckAll(conditions, r), m.aborted...)
	m.facts.Short = result.Shortages(conditions, r)
	r.Validity = result.Judge(m.facts)
	r.Exit = result.ExitStatus(r)
	r.Verdict = result.Verdict(r)
}
