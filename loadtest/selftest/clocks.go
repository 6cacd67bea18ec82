package selftest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"sluice/internal/traffic"
	"sluice/loadtest"
	"sluice/loadtest/load"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/stats"
	"sluice/loadtest/stub"
	"sluice/loadtest/watch"
)

// stalled is a run against a server that answers nothing for a second.
type stalled struct {
	connections int
	detail      *loadtest.Detail
	err         error
}

const (
	stall       = time.Second
	stalledFor  = 20 * time.Second
	stalledRate = 1000
	// settled is when a stalled run has had its warm-up, its stall and the requests that waited.
	// These decide its tail, and over ten connections they are served the slower the less of the
	// machine there is; what else runs after that matters no more.
	settled = 9 * time.Second
)

// omission holds the clock against a formula. A server that stalls once for S in a run of T at
// an even rate has, for q > 1-S/T, the true quantile S*(1-(1-q)*T/S) from the intended start. A
// tool that waits for answers before it sends does not see it, and one whose clock starts at
// the send does not with few connections; so the same run with its clock moved there must fail.
func omission(ctx context.Context, t *test) error {
	runs := []*stalled{{connections: 10}, {connections: 1200}}
	w, err := watch.Start(watch.Options{})
	if err != nil {
		return err
	}
	began := time.Now()
	var all sync.WaitGroup
	for _, r := range runs {
		all.Go(func() { r.run(ctx, t) })
	}
	all.Wait()
	w.Stop()
	why := busyHost(w.Between(began, began.Add(settled), 0, 0).Host)
	for _, r := range runs {
		if r.err != nil {
			return r.err
		}
		p99, p999, ok := omissionHolds(r.detail, (*sample.Sample).Response)
		t.weigh(ok, why, "%d connections: p99 %.0f ms (theory %.0f), p99.9 %.0f ms (theory %.0f) from the intended start",
			r.connections, ms(p99), ms(truth(0.99)), ms(p999), ms(truth(0.999)))
	}
	few := runs[0].detail
	service := quantile(few, 0.99, (*sample.Sample).Service)
	t.hold(service < hidden, "10 connections: p99 %.2f ms from the send, which hides the stall (below %.0f)", ms(service), ms(hidden))
	_, _, ok := omissionHolds(few, sentClock)
	t.hold(!ok, "the same run with the clock started at the send does not pass")
	return nil
}

// hidden is what a clock that starts at the send stays below at p99, where the truth is 800 ms.
// On an idle machine it shows less than 5 ms; the rest is room for one that is not.
const hidden = 100 * time.Millisecond

// sentClock is the broken control: a clock that starts at the send.
func sentClock(s *sample.Sample) time.Duration { return s.Last - s.Written }

func (r *stalled) run(ctx context.Context, t *test) {
	const warmup = time.Second
	r.err = with(fmt.Sprintf("stall=%v@%v", stall, warmup+stalledFor/4), func(s *stub.Server) error {
		o := loadtest.RunOptions{Options: t.options(s), Load: fmt.Sprintf("constant:%d", stalledRate), Length: stalledFor, Warmup: warmup}
		o.Connections, o.View = r.connections, beginner{s}
		var err error
		_, r.detail, err = loadtest.Run(ctx, o)
		return err
	})
}

// truth is the quantile of the response latency by theory.
func truth(q float64) time.Duration {
	return time.Duration(float64(stall) * (1 - (1-q)*stalledFor.Seconds()/stall.Seconds()))
}

// omissionHolds holds what a clock shows of a stalled run against the truth.
func omissionHolds(d *loadtest.Detail, clock stats.Clock) (p99, p999 time.Duration, ok bool) {
	p99, p999 = quantile(d, 0.99, clock), quantile(d, 0.999, clock)
	return p99, p999, (p99-truth(0.99)).Abs() <= 40*time.Millisecond && (p999-truth(0.999)).Abs() <= 20*time.Millisecond
}

// quantile is by nearest rank, of the measured window.
func quantile(d *loadtest.Detail, q float64, clock stats.Clock) time.Duration {
	var all []time.Duration
	for i := range d.Samples {
		if s := &d.Samples[i]; s.Intended >= d.Window.From && s.Intended < d.Window.To && s.Right() {
			all = append(all, clock(s))
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// attempts is how often a part that depends on the machine is tried: any machine is busy at times.
const attempts = 2

// steady runs a load until what is claimed of it holds, or the attempts are used up. What does
// not hold on a busy machine is inconclusive.
func steady(ctx context.Context, t *test, behaviour, expression string, claim func(r *result.Result) (ok bool, said string)) error {
	for try := 1; ; try++ {
		var r *result.Result
		err := with(behaviour, func(s *stub.Server) (err error) {
			r, _, err = loadtest.Run(ctx, loadtest.RunOptions{Options: t.options(s), Load: expression, Length: 2 * time.Second, Warmup: time.Second / 2})
			return err
		})
		if err != nil {
			return err
		}
		if ok, said := claim(r); ok || try == attempts {
			t.weigh(ok, busy(r), "%s", said)
			return nil
		}
	}
}

// pacer holds the instants of sending against the schedule.
func pacer(ctx context.Context, t *test) error {
	const limit = 0.150
	return steady(ctx, t, "", "poisson:1000", func(r *result.Result) (bool, string) {
		p99, _ := r.PacerLag.At(0.99)
		p50, _ := r.PacerLag.At(0.5)
		return p99.Ms <= limit, fmt.Sprintf("requests leave %.1f us after their instant in the median, %.0f us at p99 (limit %.0f)", 1000*p50.Ms, 1000*p99.Ms, 1000*limit)
	})
}

// poisson holds the gaps of a drawn schedule against the exponential distribution, and its
// counts against the variance of a Poisson process.
func poisson(_ context.Context, t *test) error {
	const length = 100 * time.Second
	s, err := load.Draw(traffic.Steady(1000, 1), load.Options{Seed: 7, Length: length})
	if err != nil {
		return err
	}
	at := make([]time.Duration, len(s.Arrivals))
	for i, a := range s.Arrivals {
		at[i] = a.At
	}
	gaps := load.Gaps(at)
	d, critical := load.Exponential(gaps, time.Millisecond)
	t.hold(d < critical, "%d gaps are %.5f from the exponential distribution (Kolmogorov-Smirnov; critical %.5f)", len(gaps), d, critical)
	index, windows := load.Dispersion(at, 100*time.Millisecond, length)
	t.hold(index > 0.9 && index < 1.1, "variance over mean of the counts in %d windows is %.3f (0.9 to 1.1)", windows, index)
	return nil
}

// fixedDelay holds the measured latency against one that is known.
func fixedDelay(ctx context.Context, t *test) error {
	return steady(ctx, t, "delay=5ms", "poisson:500", func(r *result.Result) (bool, string) {
		p50, _ := r.Response.At(0.5)
		return p50.Ms >= 5 && p50.Ms <= 5.3, fmt.Sprintf("a server that takes 5 ms is measured at %.3f ms in the median (5.0 to 5.3)", p50.Ms)
	})
}

// ceiling tells how fast the tool is against a server that answers at once.
func ceiling(ctx context.Context, t *test) error {
	return with("", func(s *stub.Server) error {
		o := loadtest.RunOptions{Options: t.options(s), Load: "closed:64", Length: 2 * time.Second, Warmup: time.Second / 2}
		o.Target.Payload.Protocol = payload.Binary
		r, _, err := loadtest.Run(ctx, o)
		if err != nil {
			return err
		}
		cpu := r.Resources.Tool.PacerCores / max(r.Load.Good, 1) * 1e6
		t.hold(r.Load.Good > 0 && r.Ledger.Closed, "64 connections: %.0f answers a second from a server that does nothing, %.1f us of CPU in the tool for each", r.Load.Good, cpu)
		return nil
	})
}
