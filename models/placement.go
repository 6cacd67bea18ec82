package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"sluice/internal/cost"
)

// Placement is a version's session on one device.
type Placement struct {
	Device  string
	Session Session
	// Lanes is how many batches the scheduler may run at once, on the lanes from 0 on.
	Lanes int
	// Curve is what warm-up measured here, and Target its batch size of highest throughput.
	Curve  cost.Curve
	Target int
	// Measured is false if Curve is a guess, since no row is known that the model takes.
	Measured bool
	// Sizes are the batch sizes that the session takes; nil means any.
	Sizes []int

	// beside is the lane after the scheduler's, for comparisons, and taken holds a token while it is
	// in use. taken is nil if the session has no such lane.
	beside int
	taken  chan struct{}
}

func (p *proof) placement() *Placement {
	place := &Placement{
		Device: p.device.Name, Session: p.session, Lanes: p.lanes, beside: p.lanes + p.device.Spares,
		Curve: p.about.Curve, Target: p.about.Target, Measured: p.about.Measured, Sizes: p.about.Sizes,
	}
	if p.beside {
		place.taken = make(chan struct{}, 1)
	}
	return place
}

// proveDevices proves the model on each of its devices in order of preference. The first
// that passes settles what the version serves; the others must agree with it. The report
// tells of all of them.
func (p *prover) proveDevices(ctx context.Context) []*Placement {
	devices := p.opts.devicesOf(&p.bundle.Config)
	schema, batching := p.bundle.Schema, p.bundle.batching
	var proofs []*proof
	var first *proof
	for _, d := range devices {
		q := p.newProof(d, len(devices) > 1 || p.mayWatch())
		if first != nil {
			q.peers = []*proof{first}
		} else {
			p.bundle.Schema, p.bundle.batching = schema, batching // an earlier device may have failed after it lost batching
		}
		q.prove(ctx)
		proofs = append(proofs, q)
		if first == nil && q.session != nil {
			first = q
		}
	}
	return p.conclude(proofs, first)
}

// conclude writes the devices into the report and keeps the sessions of a version that
// can be served.
func (p *prover) conclude(proofs []*proof, first *proof) []*Placement {
	r := p.report
	var placements []*Placement
	for _, q := range proofs {
		r.Devices = append(r.Devices, q.about)
		if q.session != nil {
			placements = append(placements, q.placement())
		}
	}
	r.Asked = p.bundle.Config.asked
	switch {
	case first != nil:
		r.notePreferred()
		r.Gates = append(r.Gates, first.about.Gates...)
		if at := r.gate("parity"); at != nil {
			*at = summary(proofs, first, at, &p.bundle.Config)
		}
		r.noteDevices()
		r.noteParity()
	case len(proofs) == 1 && proofs[0].about.State != Down:
		r.Gates = append(r.Gates, proofs[0].about.Gates...)
	default:
		r.Gates = append(r.Gates, Verdict{Gate: "devices", Outcome: Refused, Text: "no device can serve it: " + r.reasons()})
	}
	return placements
}

// notePreferred copies the figures of the first device that serves.
func (r *Report) notePreferred() {
	if at := slices.IndexFunc(r.Devices, func(d DeviceReport) bool { return d.State == Placed }); at >= 0 {
		r.Curve, r.Target = r.Devices[at].Curve, r.Devices[at].Target
	}
}

// noteDevices renews the verdict on a version that is served on some of its devices.
func (r *Report) noteDevices() {
	r.Gates = slices.DeleteFunc(slices.Clone(r.Gates), func(v Verdict) bool { return v.Gate == "devices" })
	if text := r.reasons(); text != "" {
		r.Gates = append(r.Gates, Verdict{Gate: "devices", Outcome: Changed, Text: "not served on " + text})
	}
}

// fields are for a log line about a device that was left out.
func (d *DeviceReport) fields() []zap.Field {
	fields := []zap.Field{zap.String("device", d.Device), zap.String("reason", d.Reason)}
	if last := len(d.Gates) - 1; last >= 0 && d.Gates[last].Detail != "" {
		fields = append(fields, zap.String("detail", d.Gates[last].Detail))
	}
	return fields
}

// without lists the devices that do not serve.
func (r *Report) without() (names []string) {
	for i := range r.Devices {
		if r.Devices[i].State != Placed {
			names = append(names, r.Devices[i].Device)
		}
	}
	return names
}

// reasons lists the devices that do not serve, and why.
func (r *Report) reasons() string {
	var all []string
	for _, d := range r.Devices {
		switch d.State {
		case Down:
			all = append(all, fmt.Sprintf("%s, which is down (%s)", d.Device, d.Reason))
		case LeftOut:
			all = append(all, fmt.Sprintf("%s (%s)", d.Device, d.Reason))
		}
	}
	return strings.Join(all, "; ")
}

// insert keeps placements in the model's order of preference.
func insert(all []*Placement, p *Placement, rank func(device string) int) []*Placement {
	at := slices.IndexFunc(all, func(q *Placement) bool { return rank(q.Device) > rank(p.Device) })
	if at < 0 {
		at = len(all)
	}
	return slices.Insert(slices.Clone(all), at, p)
}

func without(all []*Placement, p *Placement) []*Placement {
	return slices.DeleteFunc(slices.Clone(all), func(q *Placement) bool { return q == p })
}

// closeAll closes sessions that never ran a request.
func closeAll(placements []*Placement) {
	for _, p := range placements {
		p.Session.Close() //nolint:errcheck // a session that is thrown away has nothing left to lose
	}
}
