package models

import (
	"context"
	"slices"
	"strings"

	"sluice/internal/fault"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/roles"
)

// maxShadows is how many versions may be shadows of a model at once, its own and those of others; the record has room for 16 of each.
const maxShadows = 8

func tooManyShadows(name string) error {
	return fault.Newf(fault.Conflict, "'%s' has %d shadows, which is the limit: end one first", name, maxShadows)
}

// Shadow makes a version a shadow, to which a share of the live version's requests is mirrored, or ends that. A version that
// begins is loaded and proven first if need be, and must take what the live version takes and give what it gives. It need not
// stay loaded here: a shadow runs in a process of its own. While it is a shadow it is not taken as the newest version by itself.
// MODEL:VERSION names a version of another model, whose roles in its own model stay what they are.
func (r *Registry) Shadow(ctx context.Context, name, version string, on bool, by By) error {
	if of, other, named := strings.Cut(version, ":"); named {
		switch {
		case of == "" || other == "":
			return fault.Newf(fault.InvalidParameter, "the version %.140q is not as VERSION, or MODEL:VERSION of another model", version)
		case of != name:
			return r.shadowOther(ctx, name, roles.Named{Model: of, Ref: roles.Ref{Version: other}}, on, by)
		}
		version = other
	}
	if !on {
		return r.endShadow(name, version, by)
	}
	ref, done, err := r.want(ctx, name, version)
	if err != nil {
		return err
	}
	defer done()
	live, difference := r.mirrorable(name, name, version)
	return r.change(by, roles.Entry{Action: actShadow, Model: name, Version: ref.Version, Digest: ref.Digest}, func(m *roles.Model, about *roles.Entry) error {
		others := slices.DeleteFunc(slices.Clone(m.Shadow), func(other roles.Ref) bool { return other.Version == ref.Version })
		switch err := mayMirror(m, name, version, live, difference); {
		case err != nil:
			return err
		case *m.Live == ref:
			return fault.Newf(fault.Conflict, "cannot mirror requests of '%s' to version %s: it is live", name, version)
		case len(others)+len(m.Others) >= maxShadows:
			return tooManyShadows(name)
		}
		lift(m, ref, about)
		m.Shadow = append(others, ref)
		return nil
	})
}

// mayMirror says why a model's requests cannot be mirrored to a version, which was found to be apart from the live one by difference.
func mayMirror(m *roles.Model, name, to string, live *roles.Ref, difference string) error {
	switch {
	case m.Live == nil || live == nil || *live != *m.Live:
		return fault.Newf(fault.Conflict, "cannot mirror requests of '%s' to version %s: its live version is not ready, or has just changed", name, to)
	case difference != "":
		return fault.Newf(fault.Conflict, "cannot mirror requests of '%s' to version %s: it cannot be compared with version %s: %s", name, to, m.Live.Version, difference)
	}
	return nil
}

// mirrorable is as difference, for a version that is to be a shadow. One that fills its inputs itself may fill other inputs of its own, from
// other features.
func (r *Registry) mirrorable(name, of, version string) (live *roles.Ref, difference string) {
	now, then, live := r.beside(name, of, version)
	switch {
	case live == nil:
		return nil, ""
	case now.Config.Shadow != bundle.ShadowPipeline:
		difference = apart(now.Client(), then.Client())
		if difference != "" && now.Features != nil && then.Features != nil && apart(always(now.Client()), always(then.Client())) == "" {
			difference += "; with shadow: pipeline in the model's settings a shadow fills its inputs itself, and may have other features"
		}
		return live, difference
	case now.Features == nil:
		return live, "the live version fills no inputs (features), and shadow: pipeline in the model's settings has shadows fill theirs: take that out"
	case then.Features == nil:
		return live, "it fills no inputs (features), and shadow: pipeline in the model's settings has it fill them: take that out"
	}
	return live, apart(always(now.Client()), always(then.Client()))
}

// always is a schema of what each request has, in the order of the names.
func always(s *tensor.Schema) *tensor.Schema {
	all := *s
	all.Inputs = slices.DeleteFunc(slices.Clone(s.Inputs), func(in tensor.Spec) bool { return in.MayMiss() })
	for i := range all.Inputs {
		all.Inputs[i].Part = tensor.Sent
	}
	slices.SortFunc(all.Inputs, func(a, b tensor.Spec) int { return strings.Compare(a.Name, b.Name) })
	return &all
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

// Shadowed is a pair of versions whose answers are to be compared: the live one of a model, and a candidate of that model or, if
// Of is not empty, of another one.
type Shadowed struct {
	Model, Of          string
	Primary, Candidate roles.Ref
}

// Shadows lists the shadows of the models whose live version serves here, with the live versions.
func (r *Registry) Shadows() (all []Shadowed) {
	st, v := r.opts.Roles.State(), r.view.Load()
	for name, m := range v.models {
		if m.live == nil {
			continue
		}
		live := roles.Ref{Version: m.live.Version, Digest: m.live.Digest}
		for _, ref := range st.Models[name].Shadow {
			if live != ref {
				all = append(all, Shadowed{name, "", live, ref})
			}
		}
		for _, o := range st.Models[name].Others {
			all = append(all, Shadowed{name, o.Model, live, o.Ref})
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
