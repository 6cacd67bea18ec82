package models

import (
	"cmp"
	"context"
	"slices"

	"go.uber.org/zap"

	"sluice/models/bundle"
	"sluice/models/gates"
)

// own is what a model's own settings say of all its versions; the zero value leaves it to the server's.
type own struct {
	promote      Promotion
	keepPrevious bool
	keepSaid     bool
}

func ownOf(c *bundle.Config) own {
	o := own{promote: c.Promote, keepSaid: c.KeepPrevious != nil}
	o.keepPrevious = o.keepSaid && *c.KeepPrevious
	return o
}

// follow sets what becomes of the model's versions.
func (m *model) follow(opts *Options) {
	m.promote, m.keepPrevious = cmp.Or(m.own.promote, opts.Promote), opts.KeepPrevious
	if m.own.keepSaid {
		m.keepPrevious = m.own.keepPrevious
	}
}

// adopt takes over what the model's own settings say, as the version has been proven with them, before the
// version gets a role. What has changed since then comes with another load.
func (r *Registry) adopt(e *entry, v *Version) {
	said := ownOf(&v.Config)
	r.mu.Lock()
	m := r.mu.models[v.Name]
	news := m != nil && m.own != said && e.shared == v.loaded.Bundle.ModelPrint
	r.mu.Unlock()
	if news {
		r.update(func(map[string]*model) { m.own = said })
	}
}

// outdated reports whether a version that serves is to be loaded again, since its model's own settings are
// others now. One whose files have changed is not: it would be another version.
func (e *entry) outdated() bool {
	return e.state == Ready && e.onDisk && e.settled && !e.reloading && e.print == e.loaded && e.shared != e.applied && !e.declined()
}

// declined reports whether the model's own settings, as they are now, were refused for the version that serves.
func (e *entry) declined() bool { return e.refusal != "" && e.refused == e.shared }

// outdated are the versions to load again, but for those that are about to be retired.
func (m *model) outdated(retire []*entry) (all []*entry) {
	for _, e := range m.entries {
		if e.outdated() && !slices.Contains(retire, e) {
			all = append(all, e)
		}
	}
	return all
}

// reload proves a version that serves once more, with its model's own settings as they are now, and puts
// it in the place of the one that serves. That goes on if it is refused. What the version is for stays.
func (r *Registry) reload(ctx context.Context, e *entry, shared string) {
	among := gates.NewShare(r.loads, r.alone)
	entered := among.Enter(ctx)
	r.mu.Lock()
	b, old := *e.bundle, e.version
	r.mu.Unlock()
	var v *Version
	no := &refusal{reason: stoppedLoad}
	if entered && old != nil {
		v, no = r.prove(ctx, &b, among, func(report *gates.Report) *refusal {
			if report.Digest != old.Digest {
				return &refusal{reason: "its files have changed, too: versions do not change; add a new one", report: report}
			}
			return nil
		})
	}
	among.Leave()
	switch {
	case v != nil:
		r.adopt(e, v)
	case ctx.Err() == nil:
		r.opts.Log.Warn("settings refused: the version is served as it was loaded", append([]zap.Field{
			zap.String("model", b.Name), zap.String("version", b.Version),
		}, no.fields()...)...)
	}
	replaced := false
	r.update(func(models map[string]*model) {
		e.reloading = false
		if e.state != Ready || e.version != old {
			return // it was retired meanwhile
		}
		if v == nil {
			e.refused, e.refusal, e.returned = shared, no.reason, nil
			return
		}
		replaced = true
		e.version, e.report, e.applied, e.refusal = v, v.Report, b.ModelPrint, ""
		e.leaving++
		r.retry(e)
	})
	switch {
	case replaced:
		r.logReady(v)
		r.succession() // the settings may let a candidate be promoted
		r.end(old, zap.String("reason", "it was loaded again with other settings of its model"))
		r.update(func(map[string]*model) { e.leaving-- })
	case v != nil:
		r.end(v)
	}
}
