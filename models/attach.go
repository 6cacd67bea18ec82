package models

import (
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/models/gates"
)

// Attach says that a device can be had again. Every version that may use it and was
// loaded while it was down is proven there and joined to it through OnPlacement, and a
// version that was refused for want of it is loaded. It returns at once and may be called
// as often as one likes; Wait tells when it is done.
//
// A device that is lost later keeps its placements: their sessions are its own to restore.
func (r *Registry) Attach(device string) {
	d := r.opts.Device(device)
	if d == nil {
		return
	}
	r.update(func(models map[string]*model) {
		if r.mu.closed {
			return
		}
		for _, m := range models {
			for _, e := range m.entries {
				if e.state == Loading || e.reloading {
					e.returned = append(e.returned, d)
				}
				if e.state != Loading && e.report.IsDown(device) {
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
		if e.report.IsDown(d.Name) && !r.mu.closed {
			r.again(e, d)
		}
	}
	e.returned = nil
}

// again tries a version on a device that was down.
func (r *Registry) again(e *entry, d *gates.Device) {
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

// join proves a device for a version in service and records how that ended.
func (r *Registry) join(e *entry, v *Version, d *gates.Device) {
	about, err := r.proveLate(v, d)
	if err != nil {
		about.State, about.Reason = gates.LeftOut, fault.Sentence(err)
	}
	fields := []zap.Field{zap.String("model", v.Name), zap.String("version", v.Version)}
	switch {
	case v.life.Err() != nil: // unloaded meanwhile, which is logged by itself
	case about.State == gates.Placed:
		r.opts.Log.Info("device joined", append(fields, zap.String("device", d.Name), zap.Int("target", about.Target))...)
	case about.State == gates.LeftOut: // of one that is down the device itself tells
		r.opts.Log.Warn("device left out", append(fields, fieldsOf(&about)...)...)
	}
	r.amend(v, func(report *gates.Report) {
		for i := range report.Devices {
			if report.Devices[i].Device == d.Name {
				report.Devices[i] = about
			}
		}
		report.NotePreferred()
		if report.NoteSlower(); report.Slower != "" {
			r.opts.Log.Warn("the preferred device is slower than the CPU", append(fields, zap.String("reason", report.Slower))...)
		}
		report.NoteDevices()
		if report.FallbackOff == "" {
			report.NoteParity()
		}
	})
	r.update(func(map[string]*model) {
		if delete(e.joining, d.Name); e.version != v && e.state == Ready && e.report.IsDown(d.Name) {
			r.again(e, d) // it was loaded again meanwhile
		}
	})
}

// proveLate takes the version through the gates of one more device and joins it.
func (r *Registry) proveLate(v *Version, d *gates.Device) (gates.DeviceReport, error) {
	about := gates.DeviceReport{Device: d.Name, State: gates.Down, Reason: "loading was stopped"}
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
	late := gates.Join(ctx, &r.opts.Options, v.loaded, d, v.Placements(), r.company())
	if late.Placement == nil {
		return late.Device, nil
	}
	return late.Device, r.admit(v, late)
}

// admit gives a proven session to the version.
func (r *Registry) admit(v *Version, late *gates.Late) error {
	place := late.Placement
	if !v.join(place, r.rank(v)) {
		gates.CloseAll([]*gates.Placement{place})
		return errors.New("the version was unloaded")
	}
	if late.Disagrees != "" {
		// First, so that nothing runs on a device that answers differently.
		r.switchOff(v, gates.Verdict{Gate: "parity", Outcome: gates.Changed, Text: "fallback is switched off: " + late.Disagrees})
	}
	if err := r.opts.OnPlacement(v, place); err != nil {
		if v.remove(place) {
			gates.CloseAll([]*gates.Placement{place})
		}
		return fmt.Errorf("it cannot be joined to the scheduler: %w", err)
	}
	v.Comparer.refresh()
	return nil
}

// rank orders devices by the model's preference.
func (r *Registry) rank(v *Version) func(device string) int {
	devices := r.opts.DevicesOf(&v.Config)
	return func(device string) int {
		return slices.IndexFunc(devices, func(d *gates.Device) bool { return d.Name == device })
	}
}
