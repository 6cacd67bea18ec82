package models

import (
	"context"
	"slices"

	"sluice/internal/fault"
	"sluice/models/roles"
)

// maxShadows is how many versions of a model may be shadows at once; the record has room for 16.
const maxShadows = 8

// Shadow makes a version a shadow, to which a share of the live version's requests is mirrored, or ends that. A version that
// begins is loaded and proven first if need be, and must take what the live version takes and give what it gives. It need not
// stay loaded here: a shadow runs in a process of its own. While it is a shadow it is not taken as the newest version by itself.
func (r *Registry) Shadow(ctx context.Context, name, version string, on bool, by By) error {
	if !on {
		return r.endShadow(name, version, by)
	}
	ref, done, err := r.want(ctx, name, version)
	if err != nil {
		return err
	}
	defer done()
	live, difference := r.difference(name, version)
	return r.change(by, roles.Entry{Action: actShadow, Model: name, Version: ref.Version, Digest: ref.Digest}, func(m *roles.Model, about *roles.Entry) error {
		others := slices.DeleteFunc(slices.Clone(m.Shadow), func(other roles.Ref) bool { return other.Version == ref.Version })
		switch {
		case m.Live == nil || live == nil || *live != *m.Live:
			return fault.Newf(fault.Conflict, "cannot mirror requests of '%s' to version %s: its live version is not ready, or has just changed", name, version)
		case *m.Live == ref:
			return fault.Newf(fault.Conflict, "cannot mirror requests of '%s' to version %s: it is live", name, version)
		case difference != "":
			return fault.Newf(fault.Conflict, "cannot mirror requests of '%s' to version %s: it cannot be compared with version %s: %s", name, version, m.Live.Version, difference)
		case len(others) >= maxShadows:
			return fault.Newf(fault.Conflict, "'%s' has %d shadows; the limit is %d: end one first", name, len(others), maxShadows)
		}
		lift(m, ref, about)
		m.Shadow = append(others, ref)
		return nil
	})
}

func (r *Registry) endShadow(name, version string, by By) error {
	return r.change(by, roles.Entry{Action: actShadow, Model: name, Version: version}, func(m *roles.Model, about *roles.Entry) error {
		at := slices.IndexFunc(m.Shadow, func(ref roles.Ref) bool { return ref.Version == version })
		if at < 0 {
			return fault.Newf(fault.Conflict, "version %s of '%s' is no shadow that could be ended", version, name)
		}
		about.Digest, about.Reason = m.Shadow[at].Digest, reasons(about.Reason, "ends the shadow")
		endShadow(m, m.Shadow[at])
		return nil
	})
}

// endShadow takes the role from a version that gets another.
func endShadow(m *roles.Model, ref roles.Ref) {
	m.Shadow = slices.DeleteFunc(slices.Clone(m.Shadow), func(other roles.Ref) bool { return other == ref })
}

// Shadowed is a pair of versions of a model whose answers are to be compared.
type Shadowed struct {
	Model              string
	Primary, Candidate roles.Ref
}

// Shadows lists the shadows of the models whose live version serves here, with the live versions.
func (r *Registry) Shadows() (all []Shadowed) {
	st, v := r.opts.Roles.State(), r.view.Load()
	for name, m := range v.models {
		if m.live == nil {
			continue
		}
		for _, ref := range st.Models[name].Shadow {
			if live := (roles.Ref{Version: m.live.Version, Digest: m.live.Digest}); live != ref {
				all = append(all, Shadowed{name, live, ref})
			}
		}
	}
	return all
}

// Changed is closed at the next change of what is loaded, or of roles.
func (r *Registry) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.changed
}
