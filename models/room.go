package models

import (
	"cmp"
	"context"

	"go.uber.org/zap"
)

// makeRoom unloads a version that is loaded only because it is a previous one, for a version whose load lacks
// memory, and returns it once it is gone; nil if there is none. A version that is loaded for no other reason
// itself takes nobody's place.
func (r *Registry) makeRoom(ctx context.Context, e *entry) *entry {
	var p *entry
	r.update(func(models map[string]*model) {
		if m := models[e.bundle.Name]; m == nil || m.spare(e, r.opts.KeepVersions) {
			return
		}
		for name, m := range models {
			for _, q := range m.entries {
				if q.state != Ready || q.reloading || q == m.live() || !m.spare(q, r.opts.KeepVersions) {
					continue
				}
				// The model's own first, whose next promotion has another take its role, and then the largest.
				if p == nil || name == e.bundle.Name || p.bundle.Name != e.bundle.Name && q.size() > p.size() {
					p = q
				}
			}
		}
		if p != nil {
			p.gave = e.bundle.Name + " " + e.bundle.Version
		}
	})
	if p == nil {
		return nil
	}
	r.opts.Log.Info("the previous version gives its memory to another", zap.String("model", p.bundle.Name), zap.String("version", p.bundle.Version), zap.String("to", p.gave))
	_ = r.await(ctx, func(map[string]*model) bool { return p.state != Ready && p.state != Draining })
	return p
}

// spare reports whether a version is loaded, or to be, only because it is the previous one.
func (m *model) spare(e *entry, keep int) bool {
	if !m.keepPrevious || e.asked > 0 || !e.mayBe(m.roles.Previous) || e.mayBe(m.roles.Live) {
		return false
	}
	without := *m
	without.keepPrevious = false
	return !without.wanted(cmp.Or(m.keep, keep))[e]
}

// size is about how much a loaded version's files take.
func (e *entry) size() (bytes int64) {
	for _, f := range e.version.loaded.Bundle.Files {
		bytes += f.Size
	}
	return bytes
}
