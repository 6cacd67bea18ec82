package loadtest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	shadow "sluice/compare"
	"sluice/internal/traffic"
	"sluice/loadtest/compare"
	"sluice/loadtest/load"
	"sluice/loadtest/result"
	"sluice/loadtest/stats"
)

// ABOptions are those of a comparison of two targets.
type ABOptions struct {
	Options
	// B is the other target; Options.Target is A.
	B Target
	// Load is an expression with a schedule.
	Load string
	// Length is measured, after Warmup.
	Length, Warmup time.Duration
	// Compare is what is known of the model where requests are mirrored: what its outputs mean and what B has to show. Default what its metadata
	// says. Names, versions and seed are filled in.
	Compare *shadow.Options
	// Mode and Block are how the two share the run; see compare.Options.
	Mode  compare.Mode
	Block time.Duration
}

// DefaultABLength is how long a comparison is where nobody says.
const DefaultABLength = 60 * time.Second

// AB compares two targets in one run. Both get the same payloads at the same rate by turns, and
// a part of the run compares targets with themselves.
func AB(ctx context.Context, o ABOptions) (*result.Result, *Detail, error) {
	o.defaults()
	o.Load, o.Length = cmp.Or(o.Load, DefaultLoad), cmp.Or(o.Length, DefaultABLength)
	l, err := traffic.Parse(o.Load)
	if err != nil {
		return nil, nil, usage(err)
	}
	a, b, err := o.prepare(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &shot{aims: []*aim{a, b}, window: stats.Window{From: o.Warmup, To: o.Warmup + o.Length}, seed: o.Seed, quantiles: stats.DefaultQuantiles}
	schedule, err := load.Draw(l, load.Options{Seed: o.Seed, Length: s.window.To, Warmup: o.Warmup, Variants: a.variants()})
	if err != nil {
		return nil, nil, usage(err)
	}
	opt := compare.Options{Mode: o.Mode, Block: o.Block, Warmup: o.Warmup, Length: o.Length, Seed: o.Seed}
	var design *compare.Design
	if s.arrivals, design, err = compare.Plan(schedule.Arrivals, opt); err != nil {
		return nil, nil, usage(err)
	}
	s.sha = load.Hash(s.arrivals)
	meter := newBlockMeter(design, a.pid, b.pid)
	s.started = meter.start
	m, err := fire(ctx, &o.Options, s, o.Load)
	opt.CPU = meter.stop()
	if err != nil {
		return nil, nil, err
	}
	r := m.result(&o.Options, s, "ab")
	r.Load.Expression = o.Load
	if m.stopped {
		design.Blocks = wholeBlocks(design, m.window.To)
	}
	r.AB = compare.Analyse(m.samples, design, opt)
	if o.Mode == compare.Mirror {
		if r.AB.Answers, err = m.mirrored(&o, a, b); err != nil {
			return nil, nil, err
		}
		m.counted(r.AB)
		m.aborted = append(m.aborted, broken(r.AB.Answers)...)
	}
	m.judge(r, nil)
	return r, m.detail(), nil
}

// wholeBlocks is how many blocks had ended by an instant; those of block mode count by fours.
func wholeBlocks(d *compare.Design, at time.Duration) int {
	n := min(d.Blocks, int(max(at-d.Warmup, 0)/d.Block))
	if d.Mode == compare.Block {
		n -= n % 4
	}
	return n
}

// prepare makes both targets ready. Where requests are mirrored and B's own answers change, it is held to what A is known to answer.
func (o *ABOptions) prepare(ctx context.Context) (a, b *aim, err error) {
	if a, err = prepare(ctx, &o.Options, o.Target); err != nil {
		return nil, nil, fmt.Errorf("target A: %w", err)
	}
	if b, err = prepare(ctx, &o.Options, o.B); err != nil {
		return nil, nil, fmt.Errorf("target B: %w", err)
	}
	if n, k := a.variants(), b.variants(); n != k {
		return nil, nil, usage(fmt.Errorf("target A has %d different requests and B %d: both must get the same", n, k))
	}
	if o.Mode == compare.Mirror {
		return a, b, o.held(a, b)
	}
	return a, b, nil
}
