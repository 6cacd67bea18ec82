package models

import (
	"context"
	"slices"

	"sluice/internal/fault"
	"sluice/models/roles"
)

// shadowOther makes a version of another model a shadow of a model, or ends that. It is loaded and proven first if need be, as a version of
// the model itself would be. In its own model it stays what it is: a rejection stays, too.
func (r *Registry) shadowOther(ctx context.Context, name string, other roles.Named, on bool, by By) error {
	if !on {
		return r.endShadowOther(name, other, by)
	}
	if err := r.known(name); err != nil {
		return err
	}
	ref, done, err := r.want(ctx, other.Model, other.Version)
	if err != nil {
		return err
	}
	defer done()
	other.Ref = ref
	live, difference := r.mirrorable(name, other.Model, other.Version)
	about := roles.Entry{Action: actShadow, Model: name, Of: other.Model, Version: other.Version, Digest: other.Digest}
	return r.change(by, about, func(m *roles.Model, _ *roles.Entry) error {
		others := slices.DeleteFunc(slices.Clone(m.Others), func(o roles.Named) bool { return o.Name() == other.Name() })
		if err := mayMirror(m, name, other.Name(), live, difference); err != nil {
			return err
		}
		if len(m.Shadow)+len(others) >= maxShadows {
			return tooManyShadows(name)
		}
		m.Others = append(others, other)
		return nil
	})
}

func (r *Registry) endShadowOther(name string, other roles.Named, by By) error {
	return r.change(by, roles.Entry{Action: actShadow, Model: name, Of: other.Model, Version: other.Version}, func(m *roles.Model, about *roles.Entry) error {
		at := slices.IndexFunc(m.Others, func(o roles.Named) bool { return o.Name() == other.Name() })
		if at < 0 {
			return fault.Newf(fault.Conflict, "version %s is no shadow of '%s' that could be ended", other.Name(), name)
		}
		about.Digest, about.Reason = m.Others[at].Digest, reasons(about.Reason, "ends the shadow")
		m.Others = slices.Delete(slices.Clone(m.Others), at, at+1)
		return nil
	})
}
