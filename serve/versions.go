package serve

import (
	"slices"
	"strings"

	"sluice/gateway/http/admin"
	"sluice/models"
	"sluice/models/roles"
	"sluice/serve/rollouts"
)

// Versions lists every version on record, and before those of its model what has a role and is not there any more: newer versions
// wait for such a canary, and requests may still be mirrored to such a shadow.
func (r roleControl) Versions() []admin.Version {
	return listed(r.registry.Roles().State(), r.registry.Index())
}

func listed(state *roles.State, index []models.Status) []admin.Version {
	all := goneVersions(state, index)
	for i := range index {
		s := &index[i]
		v := admin.Version{Model: s.Name, Version: s.Version, State: s.State.String(), Role: string(s.Role), Share: s.Share, Held: s.Held, Digest: s.Digest, Reason: s.Reason, PerThousand: perThousand(s.Report)}
		if p := state.Models[s.Name].Plan; p != nil && p.Version == s.Version && p.Digest == s.Digest {
			v.Plan = rollouts.PhaseText(p)
		}
		all = append(all, v)
	}
	slices.SortStableFunc(all, func(a, b admin.Version) int { return strings.Compare(a.Model, b.Model) })
	nameMirrors(state, index, all)
	return all
}

// stateGone is the state of a version that has a role and is not there.
const stateGone = "GONE"

// onRecord are the models of an index.
func onRecord(index []models.Status) (names []string) {
	for i := range index {
		names = append(names, index[i].Name)
	}
	return slices.Compact(names)
}

// goneVersions are the canaries and shadows of the models on record that none of the versions is.
func goneVersions(state *roles.State, index []models.Status) (all []admin.Version) {
	add := func(v admin.Version, as string) {
		there := slices.ContainsFunc(index, func(s models.Status) bool { return is(&v, s.Name, roles.Ref{Version: s.Version, Digest: s.Digest}) })
		if !there && !slices.ContainsFunc(all, func(o admin.Version) bool { return is(&v, o.Model, roles.Ref{Version: o.Version, Digest: o.Digest}) }) {
			v.State, v.Reason = stateGone, "its files are gone or others now; it stays "+as+" until that is ended"
			all = append(all, v)
		}
	}
	for _, name := range onRecord(index) {
		m := state.Models[name]
		if c := m.Canary; c != nil {
			add(admin.Version{Model: name, Version: c.Version, Digest: c.Digest, Role: string(models.RoleCanary), Share: c.Share}, "the canary")
		}
		for _, s := range m.Shadow {
			add(admin.Version{Model: name, Version: s.Version, Digest: s.Digest, Role: string(models.RoleShadow)}, "a shadow")
		}
		for _, o := range m.Others {
			add(admin.Version{Model: o.Model, Version: o.Version, Digest: o.Digest}, "a shadow")
		}
	}
	return all
}

// is tells whether a line may be of a version. One whose files have not been read has no digest yet.
func is(v *admin.Version, model string, ref roles.Ref) bool {
	return v.Model == model && v.Version == ref.Version && (v.Digest == ref.Digest || v.Digest == "" || ref.Digest == "")
}

// nameMirrors says on both sides which models on record have shadows that are versions of others.
func nameMirrors(state *roles.State, index []models.Status, all []admin.Version) {
	for _, name := range onRecord(index) {
		for _, o := range state.Models[name].Others {
			for k := range all {
				if v := &all[k]; is(v, o.Model, o.Ref) {
					v.ShadowOf = append(v.ShadowOf, name)
				} else if v.Model == name && v.Role == string(models.RoleLive) {
					v.ShadowedBy = append(v.ShadowedBy, o.Name())
				}
			}
		}
	}
}
