package models

import (
	"cmp"
	"context"

	"sluice/internal/fault"
	"sluice/models/bundle"
)

// Load reads a model's folder again, forgets failures and an earlier Unload, and waits
// until the newest version serves. It takes a name only: what to load lies in Dir.
func (r *Registry) Load(ctx context.Context, name string) error {
	if err := bundle.CheckName("model", name); err != nil {
		return fault.Newf(fault.BadModelName, "failed to load: %v", err)
	}
	if r.opts.Dir != "" {
		r.scan(func(b *bundle.Bundle) bool { return b.Name == name })
	}
	known := false
	r.update(func(models map[string]*model) {
		m := models[name]
		if m == nil {
			return
		}
		known, m.unloaded = true, false
		for _, e := range m.entries {
			if e.refusal = ""; e.state == Failed {
				e.state = Discovered
			}
		}
	})
	if !known {
		return fault.Newf(fault.ModelNotFound, "failed to load '%s', it is not in the models folder", name)
	}
	var newest Status
	changed, declined := false, ""
	err := r.await(ctx, func(models map[string]*model) bool {
		m := models[name]
		if m == nil {
			return true // the folder went away meanwhile
		}
		if m.busy(r.opts.KeepVersions) {
			return false
		}
		if e := m.asked(r.opts.KeepVersions); e != nil {
			if newest, changed = e.status(), e.print != e.loaded; e.declined() {
				declined = e.refusal
			}
		}
		return true
	})
	switch {
	case err != nil:
		return fault.Wrap(fault.ModelNotReady, err, "the model is still loading")
	case newest.State != Ready:
		return fault.Newf(fault.ModelLoadFailed, "load failed for model '%s': version %s: %s", name, newest.Version, newest.Reason)
	case declined != "":
		return fault.Newf(fault.ModelLoadFailed, "load failed for model '%s': version %s is served as it was loaded, since the model's settings were refused: %s", name, newest.Version, declined)
	case changed:
		return fault.Newf(fault.ModelLoadFailed, "load failed for model '%s': version %s is loaded and its files have changed since; versions do not change, so add a new one, or unload it first", name, newest.Version)
	}
	return nil
}

// asked is the newest version on disk that Load stands for: one that is to serve, or was refused. It is nil if there is none.
func (m *model) asked(keep int) *entry {
	wanted := m.wanted(cmp.Or(m.keep, keep))
	for _, e := range m.entries {
		if e.onDisk && (e.state == Ready || e.state == Failed || wanted[e]) {
			return e
		}
	}
	return nil
}

// Unload takes a model out of service until Load and waits until it is gone. A model
// that is not there is already unloaded.
func (r *Registry) Unload(ctx context.Context, name string) error {
	r.update(func(models map[string]*model) {
		m := models[name]
		if m == nil {
			return
		}
		m.unloaded = true
		for _, e := range m.entries {
			if e.state == Loading {
				e.cancel()
			}
		}
	})
	err := r.await(ctx, func(models map[string]*model) bool {
		m := models[name]
		return m == nil || !m.busy(r.opts.KeepVersions)
	})
	if err != nil {
		return fault.Wrap(fault.Draining, err, "the model is still draining")
	}
	return nil
}
