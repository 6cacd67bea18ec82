package plan

import (
	"context"
	"fmt"

	"sluice/internal/traffic"
)

// Search is how the smallest fleet was looked for.
type Search struct {
	Kind string `json:"kind"`
	Most int    `json:"most"`
	// Smallest is how many devices of the kind hold the objectives; -1 if not even Most do.
	Smallest int `json:"smallest"`
	// Probes in the order in which they were simulated.
	Probes []Probe `json:"probes"`
}

// Probe is one fleet of a search, with one seed.
type Probe struct {
	Count  int     `json:"count"`
	Seed   uint64  `json:"seed"`
	Held   bool    `json:"held"`
	Checks []Check `json:"checks"`
	// Attainment and Goodput as in Outcome.
	Attainment float64 `json:"attainment"`
	Goodput    float64 `json:"goodput_per_s"`

	outcome *Outcome
}

// Probe returns the probe of a count with the study's own seed, nil if there was none.
func (s *Search) Probe(count int) *Probe {
	for i := range s.Probes {
		if s.Probes[i].Count == count {
			return &s.Probes[i]
		}
	}
	return nil
}

// confirmations is how many further seeds the answer must hold with.
const confirmations = 2

// Smallest looks for the smallest number of devices of a kind, up to most, with which the
// objectives hold, the other groups staying as they are. It doubles the number until they
// hold and bisects below, taking it that more devices do no worse. Then it checks what it
// has found: with further seeds they must hold too, else the next larger number is tried;
// and with one device less they must fail, else that is taken to be the answer and is
// checked in turn.
func (s Study) Smallest(ctx context.Context, kind string, most int, objectives []traffic.Condition) (*Search, error) {
	run := func(s Study) (*Outcome, error) { return s.Run(ctx) }
	f := &finder{run: run, study: s, objectives: objectives, search: Search{Kind: kind, Most: most, Smallest: -1}}
	least := 1
	if s.WithCount(kind, 0).Validate() == nil {
		least = 0 // the others can do without
	}
	switch {
	case len(objectives) == 0:
		return nil, fmt.Errorf("cannot look for the smallest fleet without an objective; give one, such as p99<20ms")
	case s.WithCount(kind, 1).Count(kind) != 1:
		return nil, fmt.Errorf("cannot look for the smallest number of %s: the fleet has none; add %s=1", kind, kind)
	case most < 1 || most > maxDevices:
		return nil, fmt.Errorf("cannot look for fleets of up to %d %s; it must be 1 to %d", most, kind, maxDevices)
	}
	return f.smallest(least)
}

// finder is a search under way.
type finder struct {
	run        func(Study) (*Outcome, error)
	study      Study
	objectives []traffic.Condition
	search     Search
}

func (f *finder) smallest(least int) (*Search, error) {
	most := f.search.Most
	fails, holds := least-1, -1
	for n := least; holds < 0; {
		held, err := f.held(n, 0)
		switch {
		case err != nil:
			return nil, err
		case held:
			holds = n
		case n == most:
			return &f.search, nil
		default:
			fails = n
			n = min(max(2*n, 1), most)
		}
	}
	for holds-fails > 1 {
		mid := (fails + holds) / 2
		held, err := f.held(mid, 0)
		if err != nil {
			return nil, err
		}
		if held {
			holds = mid
		} else {
			fails = mid
		}
	}
	return f.confirm(least, holds)
}

// confirm moves from a number that holds once to one that is sure.
func (f *finder) confirm(least, n int) (*Search, error) {
	for ; n <= f.search.Most; n++ {
		sure := true
		for extra := uint64(0); extra <= confirmations && sure; extra++ {
			var err error
			if sure, err = f.held(n, extra); err != nil {
				return nil, err
			}
		}
		if !sure {
			continue
		}
		f.search.Smallest = n
		if n == least {
			return &f.search, nil
		}
		// One less has failed, with some seed, or is tried now.
		if fewer, err := f.failed(n - 1); err != nil || fewer {
			return &f.search, err
		}
		n -= 2
	}
	return &f.search, nil
}

// failed reports whether a number fails with any of the seeds.
func (f *finder) failed(n int) (bool, error) {
	for extra := uint64(0); extra <= confirmations; extra++ {
		if held, err := f.held(n, extra); err != nil || !held {
			return true, err
		}
	}
	return false, nil
}

// held simulates a number with a seed, once.
func (f *finder) held(n int, extra uint64) (bool, error) {
	s := f.study.WithCount(f.search.Kind, n)
	s.Seed += extra
	for _, p := range f.search.Probes {
		if p.Count == n && p.Seed == s.Seed {
			return p.Held, nil
		}
	}
	out, err := f.run(s)
	if err != nil {
		return false, err
	}
	p := Probe{Count: n, Seed: s.Seed, Checks: checkAll(f.objectives, out), Attainment: out.Attainment, Goodput: out.Goodput, outcome: out}
	p.Held = Held(p.Checks)
	for _, c := range p.Checks {
		if !c.Sure {
			return false, fmt.Errorf("cannot tell whether %s holds: %d requests are too few; lengthen the study", c.Objective, out.Arrived)
		}
	}
	f.search.Probes = append(f.search.Probes, p)
	return p.Held, nil
}

// Sweep is outcomes over a range of loads for one fleet.
type Sweep struct {
	Fleet  []Group      `json:"fleet"`
	Points []SweepPoint `json:"points"`
}

// SweepPoint is one load of a sweep.
type SweepPoint struct {
	// Factor multiplies the study's scale.
	Factor     float64 `json:"factor"`
	Offered    float64 `json:"offered_per_s"`
	Goodput    float64 `json:"goodput_per_s"`
	Attainment float64 `json:"attainment"`
	Latency    Latency `json:"latency"`
	Shares     []Share `json:"shares"`
}

// Share is the part of the answers in time that came from a kind of device.
type Share struct {
	Kind string  `json:"kind"`
	Part float64 `json:"part"`
}

// Sweep runs the study at several times its load.
func (s Study) Sweep(ctx context.Context, factors []float64) (*Sweep, error) {
	sweep := &Sweep{Fleet: s.Fleet}
	for _, factor := range factors {
		at := s
		at.Scale = s.scale() * factor
		out, err := at.Run(ctx)
		if err != nil {
			return nil, err
		}
		sweep.Points = append(sweep.Points, SweepPoint{factor, out.Offered, out.Goodput, out.Attainment, out.Latency, out.Shares()})
	}
	return sweep, nil
}

// Shares adds the devices up by kind, in order of preference.
func (o *Outcome) Shares() (shares []Share) {
	for _, g := range o.Fleet {
		share := Share{Kind: g.Kind}
		for _, d := range o.Devices {
			if d.Kind == g.Kind {
				share.Part += d.Share
			}
		}
		shares = append(shares, share)
	}
	return shares
}
