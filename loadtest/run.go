package loadtest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"sluice/internal/traffic"
	"sluice/loadtest/engine"
	"sluice/loadtest/load"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/stats"
)

const (
	// DefaultLoad is sent where nothing is asked for: little, for any server.
	DefaultLoad = "poisson:200"
	// DefaultLength is measured where neither the load nor the caller says how long.
	DefaultLength = 30 * time.Second
	// DefaultWarmup comes before.
	DefaultWarmup = 3 * time.Second
	// DefaultGather is for how long requests that are close together are gathered.
	DefaultGather = engine.DefaultGather
	// MostGather is for how long they may be.
	MostGather = engine.MostGather
)

// Run loads a target and says how it did. The error is a *payload.UsageError or a
// *payload.NotReadyError where nothing could be measured; else there is a result, also if the
// context ended before the run did. The detail is what the result sums up.
//
// While requests are sent, as in all tests here, the sending thread has a processor of the Go
// scheduler for itself, GOMAXPROCS is at least 2 and stays so, and Go's collector rests in the
// whole process until that has grown by 256 MiB.
func Run(ctx context.Context, o RunOptions) (*result.Result, *Detail, error) {
	o.defaults()
	if _, err := traffic.Parse(o.Load); err != nil { // before the target is bothered
		return nil, nil, usage(err)
	}
	a, err := prepare(ctx, &o.Options, o.Target)
	if err != nil {
		return nil, nil, err
	}
	return o.run(ctx, a, "run")
}

// run loads a target that is ready.
func (o *RunOptions) run(ctx context.Context, a *aim, command string) (*result.Result, *Detail, error) {
	s, err := o.shot(a)
	if err != nil {
		return nil, nil, err
	}
	return o.measure(ctx, s, command)
}

// measure loads a target with what was drawn.
func (o *RunOptions) measure(ctx context.Context, s *shot, command string) (*result.Result, *Detail, error) {
	m, err := fire(ctx, &o.Options, s, o.Load)
	if err != nil {
		return nil, nil, err
	}
	r := m.result(&o.Options, s, command)
	r.Load.Expression = o.Load
	m.inTime(r, o.Within)
	m.judge(r, o.Thresholds)
	return r, m.detail(), nil
}

// Detail is what a result was made of.
type Detail struct {
	// Samples are all requests, the warm-up's too.
	Samples []sample.Sample
	Window  stats.Window
	// Start is the wall-clock time of the window's start.
	Start time.Time
}

// WriteLog writes a histogram of response latency for each second, in HdrHistogram's log form.
func (d *Detail) WriteLog(w io.Writer) error {
	if d == nil {
		return errors.New("several runs have no log of their own")
	}
	return stats.WriteLog(w, d.Samples, d.Window, d.Start, (*sample.Sample).Response)
}

func (m *measured) detail() *Detail {
	return &Detail{Samples: m.samples, Window: m.window, Start: m.began.Add(m.window.From)}
}

// shot draws what is sent.
func (o *RunOptions) shot(a *aim) (*shot, error) {
	l, err := traffic.Parse(o.Load)
	if err != nil {
		return nil, usage(err)
	}
	o.Length = cmp.Or(o.Length, l.Natural(), DefaultLength)
	s := o.empty(a, o.Warmup+o.Length)
	if c, ok := l.Closed(); ok {
		s.closed = &c
		return s, nil
	}
	schedule, err := load.Draw(l, load.Options{Seed: o.Seed, Length: s.window.To, Warmup: o.Warmup, Variants: a.variants()})
	if err != nil {
		return nil, usage(err)
	}
	s.arrivals, s.sha = schedule.Arrivals, schedule.SHA256
	return s, nil
}

// empty is a shot at a target that ends at an instant and sends nothing yet.
func (o *RunOptions) empty(a *aim, end time.Duration) *shot {
	return &shot{
		aims: []*aim{a}, window: stats.Window{From: o.Warmup, To: end}, seed: o.Seed,
		quantiles: stats.Quantiles(slices.Concat(o.Quantiles, result.Quantiles(slices.Concat(o.Thresholds, o.Aborts)))...),
		aborts:    o.Aborts, conditions: o.Thresholds,
	}
}

func (o *RunOptions) defaults() {
	o.Options.defaults()
	o.Load = cmp.Or(o.Load, DefaultLoad)
}

func (o *Options) defaults() {
	if o.View == nil {
		o.View = silent{}
	}
}

func usage(err error) error { return &payload.UsageError{Text: err.Error()} }

// inTime counts the answers that came within a limit.
func (m *measured) inTime(r *result.Result, within time.Duration) {
	if within == 0 {
		return
	}
	n := 0
	for i := range m.samples {
		if s := &m.samples[i]; m.holds(s) && s.Right() && s.Response() <= within {
			n++
		}
	}
	r.Load.Within = float64(within) / float64(time.Millisecond)
	if d := m.window.Length().Seconds(); d > 0 {
		r.Load.InTime = float64(n) / d
	}
}
