package models

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"
)

// Attach says that a device can be had again. Every version that may use it and was
// loaded while it was down is proven there and joined to it through OnPlacement, and a
// version that was refused for want of it is loaded. It returns at once and may be called
// as often as one likes; Wait tells when it is done.
//
// A device that is lost later keeps its placements: their sessions are its own to restore.
func (r *Registry) Attach(device string) {
	d := r.opts.device(device)
	if d == nil {
		return
	}
	r.update(func(models map[string]*model) {
		if r.mu.closed {
			return
		}
		for _, m := range models {
			for _, e := range m.entries {
				switch {
				case e.state == Loading:
					e.returned = append(e.returned, d)
				case e.report.isDown(device):
					r.again(e, d)
				}
			}
		}
	})
}

// retry makes good for what Attach found loading. It belongs into the update that ends the
// load, so that no device is missed in between.
func (r *Registry) retry(e *entry) {
	for _, d := range e.returned {
		if e.report.isDown(d.Name) && !r.mu.closed {
			r.again(e, d)
		}
	}
	e.returned = nil
}

// again tries a version on a device that was down.
func (r *Registry) again(e *entry, d *Device) {
	switch {
	case e.state == Failed:
		e.state = Discovered
	case e.state == Ready && !e.joining[d.Name]:
		if e.joining == nil {
			e.joining = map[string]bool{}
		}
		e.joining[d.Name] = true
		v := e.version
		r.running.Go(func() { r.join(e, v, d) })
	}
}

// isDown tells whether the device was down when it was last tried.
func (r *Report) isDown(device string) bool {
	return r != nil && slices.ContainsFunc(r.Devices, func(d DeviceReport) bool { return d.Device == device && d.State == Down })
}

// join proves a device for a version in service and records how that ended.
func (r *Registry) join(e *entry, v *Version, d *Device) {
	about, err := r.proveLate(v, d)
	if err != nil {
		about.State, about.Reason = LeftOut, sentence(err)
	}
	fields := []zap.Field{zap.String("model", v.Name), zap.String("version", v.Version)}
	switch {
	case v.life.Err() != nil: // unloaded meanwhile, which is logged by itself
	case about.State == Placed:
		r.opts.Log.Info("device joined", append(fields, zap.String("device", d.Name), zap.Int("target", about.Target))...)
	case about.State == LeftOut: // of one that is down the device itself tells
		r.opts.Log.Warn("device left out", append(fields, about.fields()...)...)
	}
	r.amend(v, func(report *Report) {
		for i := range report.Devices {
			if report.Devices[i].Device == d.Name {
				report.Devices[i] = about
			}
		}
		report.notePreferred()
		report.noteDevices()
		if report.FallbackOff == "" {
			report.noteParity()
		}
	})
	r.update(func(map[string]*model) { delete(e.joining, d.Name) })
}

// proveLate takes the version through the gates of one more device and joins it.
func (r *Registry) proveLate(v *Version, d *Device) (DeviceReport, error) {
	about := DeviceReport{Device: d.Name, State: Down, Reason: "loading was stopped"}
	if !v.tryPin() {
		return about, nil
	}
	defer v.Release()
	ctx := v.life
	for _, tokens := range []chan struct{}{v.joining, r.loads} {
		select {
		case tokens <- struct{}{}:
			defer func() { <-tokens }()
		case <-ctx.Done():
			return about, nil
		}
	}
	p := newProver(&r.opts, v.sameBundle())
	p.measuring, p.pace.serving = r.measuring, r.serving
	q := p.newProof(d, true)
	returnLanes := q.meet(ctx, v)
	defer returnLanes()
	if ctx.Err() != nil {
		return about, nil
	}
	q.prove(ctx)
	if q.session == nil {
		return q.about, nil
	}
	return q.about, r.admit(v, q)
}

// admit gives a proven session to the version.
func (r *Registry) admit(v *Version, q *proof) error {
	place := q.placement()
	if !v.join(place, r.rank(v)) {
		closeAll([]*Placement{place})
		return errors.New("the version was unloaded")
	}
	if q.disagrees != "" {
		// First, so that nothing runs on a device that answers differently.
		r.switchOff(v, Verdict{Gate: "parity", Outcome: Changed, Text: "fallback is switched off: " + q.disagrees})
	}
	if err := r.opts.OnPlacement(v, place); err != nil {
		if v.part(place) {
			closeAll([]*Placement{place})
		}
		return fmt.Errorf("it cannot be joined to the scheduler: %w", err)
	}
	v.Watch.refresh()
	return nil
}

// rank orders devices by the model's preference.
func (r *Registry) rank(v *Version) func(device string) int {
	devices := r.opts.devicesOf(&v.Config)
	return func(device string) int {
		return slices.IndexFunc(devices, func(d *Device) bool { return d.Name == device })
	}
}

// sameBundle is the version's bundle for another device to open: the copies of what was proven.
func (v *Version) sameBundle() *Bundle {
	b := *v.bundle
	b.Config.Budget, b.Config.budgetFrom = v.Config.Budget, v.Config.budgetFrom // it is fixed while the version serves
	b.Schema = v.Schema
	return &b
}

// meet sets the devices that the late one must agree with: all it will go before, else the
// preferred one. They serve, so they answer on the lane that the scheduler does not use;
// what is returned gives those lanes back.
func (p *proof) meet(ctx context.Context, v *Version) (returnLanes func()) {
	all := v.Placements()
	devices := p.opts.devicesOf(&v.Config)
	before := func(name string) bool {
		for _, d := range devices {
			if d.Name == p.device.Name || d.Name == name {
				return d.Name == p.device.Name
			}
		}
		return false
	}
	p.preferred = before(all[0].Device)
	if !p.preferred {
		all = all[:1]
	}
	var taken []chan struct{}
	for _, place := range all {
		select {
		case place.taken <- struct{}{}:
			taken = append(taken, place.taken)
		case <-ctx.Done():
		}
		p.peers = append(p.peers, &proof{prover: p.prover, device: p.opts.device(place.Device), session: place.Session, lane: place.beside})
	}
	return func() {
		for _, lane := range taken {
			<-lane
		}
	}
}
