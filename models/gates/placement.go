package gates

import (
	"context"

	"sluice/internal/cost"
	"sluice/models/bundle"
)

// Placement is a version's session on one device.
type Placement struct {
	Device  string
	Session bundle.Session
	// Lanes is how many batches the scheduler may run at once, on the lanes from 0 on.
	Lanes int
	// Curve is what warm-up measured here, and Target its batch size of highest throughput.
	Curve  cost.Curve
	Target int
	// Measured is false if Curve is a guess, since no row is known that the model takes.
	Measured bool
	// Sizes are the batch sizes that the session takes; nil means any.
	Sizes []int

	// Beside is the lane after the scheduler's, for comparisons, and taken holds a token while it is
	// in use. taken is nil if the session has no such lane.
	Beside int
	Taken  chan struct{}
}

func (p *devicePass) placement() *Placement {
	place := &Placement{
		Device: p.device.Name, Session: p.session, Lanes: p.lanes, Beside: p.lanes + p.device.Spares,
		Curve: p.about.Curve, Target: p.about.Target, Measured: p.about.Measured, Sizes: p.about.Sizes,
	}
	if p.beside {
		place.Taken = make(chan struct{}, 1)
	}
	return place
}

// proveDevices proves the model on each of its devices in order of preference. The first
// that passes settles what the version serves; the others must agree with it. The report
// tells of all of them.
func (p *bundlePass) proveDevices(ctx context.Context) []*Placement {
	devices := p.opts.DevicesOf(&p.bundle.Config)
	schema, batching := p.bundle.Schema, p.batching
	var passes []*devicePass
	var first *devicePass
	for _, d := range devices {
		q := p.devicePass(d, len(devices) > 1 || p.mayCompare())
		if first != nil {
			q.peers = []*devicePass{first}
		} else {
			p.bundle.Schema, p.batching = schema, batching // an earlier device may have failed after it lost batching
		}
		q.walk(ctx)
		passes = append(passes, q)
		if first == nil && q.session != nil {
			first = q
		}
	}
	return p.conclude(passes, first)
}

// conclude writes the devices into the report and keeps the sessions of a version that
// can be served.
func (p *bundlePass) conclude(passes []*devicePass, first *devicePass) []*Placement {
	r := p.report
	var placements []*Placement
	for _, q := range passes {
		r.Devices = append(r.Devices, q.about)
		if q.session != nil {
			placements = append(placements, q.placement())
		}
	}
	r.Asked = p.bundle.Config.Asked
	switch {
	case first != nil:
		r.NotePreferred()
		r.NoteSlower()
		r.Gates = append(r.Gates, first.about.Gates...)
		if at := r.Gate("parity"); at != nil {
			*at = summary(passes, first, at, &p.bundle.Config)
		}
		r.NoteDevices()
		r.NoteParity()
	case len(passes) == 1 && passes[0].about.State != Down:
		r.Gates = append(r.Gates, passes[0].about.Gates...)
	default:
		r.Gates = append(r.Gates, Verdict{Gate: "devices", Outcome: Refused, Text: "no device can serve it: " + r.reasons()})
	}
	return placements
}

// CloseAll closes sessions that never ran a request.
func CloseAll(placements []*Placement) {
	for _, p := range placements {
		p.Session.Close() //nolint:errcheck // a session that is thrown away has nothing left to lose
	}
}

// mayCompare tells, before rows have run, whether the version's batches may have to be compared
// live: its session then needs a lane for that.
func (p *bundlePass) mayCompare() bool {
	s, b := p.bundle.Schema, &p.batching
	return s.MaxBatch > 1 && (b.Mode == "" || b.Mode == bundle.Batched)
}
