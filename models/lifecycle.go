package models

import (
	"errors"
	"slices"

	"go.uber.org/zap"

	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/models/roles"
)

// Promotion says what becomes of a candidate, see bundle.Promotion.
type Promotion = bundle.Promotion

// The policies.
const (
	PromoteNewest = bundle.PromoteNewest
	PromoteManual = bundle.PromoteManual
	PromotePlan   = bundle.PromotePlan
)

// self is who changes roles where nobody asked for it.
const self = "sluice"

// The actions that the history records.
const (
	actPromote  = "promote"
	actRollback = "rollback"
	actHold     = "hold"
	actRelease  = "release"
	actReject   = "reject"
	actCanary   = "canary"
	actShadow   = "shadow"
)

// Role is what a version is for.
type Role string

// The roles. A candidate is a loaded version that waits.
const (
	RoleLive      Role = "live"
	RoleCanary    Role = "canary"
	RoleShadow    Role = "shadow"
	RolePrevious  Role = "previous"
	RoleCandidate Role = "candidate"
	RoleRejected  Role = "rejected"
)

// roleOf is what a version is for; empty for one that is not loaded and has none.
func (m *model) roleOf(e *entry) Role {
	switch {
	case e.is(m.roles.Live):
		return RoleLive
	case m.roles.Canary != nil && e.is(&m.roles.Canary.Ref):
		return RoleCanary
	case m.shadows(e):
		return RoleShadow
	case e.is(m.roles.Previous):
		return RolePrevious
	case m.rejected(e):
		return RoleRejected
	case e.state == Ready:
		return RoleCandidate
	}
	return ""
}

// errStays ends a change of roles that would change nothing.
var errStays = errors.New("the roles stay as they are")

// digest is the content of a version whose files have been read; empty if they have not.
func (e *entry) digest() string {
	if e.report == nil {
		return ""
	}
	return e.report.Digest
}

// is reports whether a role is this version's, with the files that were read.
func (e *entry) is(ref *roles.Ref) bool {
	return ref != nil && e.bundle.Version == ref.Version && e.digest() == ref.Digest
}

// mayBe is is for a version whose files may not have been read yet.
func (e *entry) mayBe(ref *roles.Ref) bool {
	return ref != nil && e.bundle.Version == ref.Version && (e.digest() == "" || e.digest() == ref.Digest)
}

// shadows reports whether the version is mirrored to.
func (m *model) shadows(e *entry) bool {
	return slices.ContainsFunc(m.roles.Shadow, func(ref roles.Ref) bool { return e.mayBe(&ref) })
}

// rejected reports whether the version's content was rejected.
func (m *model) rejected(e *entry) bool { return rejects(&m.roles, e.digest()) }

// rejects reports whether files were rejected, whatever the version was called that they were of then.
func rejects(m *roles.Model, digest string) bool {
	return digest != "" && slices.ContainsFunc(m.Rejected, func(ref roles.Ref) bool { return ref.Digest == digest })
}

// fixed reports whether the live version stays until somebody, or a plan, promotes another.
func (m *model) fixed() bool {
	return m.roles.Hold || m.promote == PromoteManual || m.promote == PromotePlan
}

// live is the version that requests without one go to: the one that has the role. While that is not ready, it
// is the one before, and where newer versions are taken by themselves, or none has ever been live, any that is ready; nil if
// there is none. None has been where the gateway that writes roles down does not have the model yet, as in a roll-out.
func (m *model) live() *entry {
	for _, ref := range []*roles.Ref{m.roles.Live, m.roles.Previous} {
		for _, e := range m.entries {
			if e.state == Ready && e.is(ref) {
				return e
			}
		}
	}
	if m.fixed() && m.roles.Live != nil {
		return nil
	}
	for _, e := range m.entries {
		if e.state == Ready && e.onDisk && !m.rejected(e) {
			return e
		}
	}
	return nil
}

// settle gives a version that has been proven its role, before it serves.
func (r *Registry) settle(v *Version) {
	from := ""
	ref := roles.Ref{Version: v.Version, Digest: v.Digest}
	fixed, lost := r.standing(v.Name)
	_, _, err := r.opts.Roles.Change(roles.Entry{Who: self, Action: actPromote, Model: v.Name, Version: v.Version, Digest: v.Digest}, func(st *roles.State, about *roles.Entry) error {
		m := st.Models[v.Name]
		if m.Live != nil {
			about.From = m.Live.Version
		}
		from = about.From
		gone := lost != nil && m.Live != nil && *m.Live == *lost
		fixed = fixed || m.Hold || m.Canary != nil && !gone // a newer version waits for the end of a canary
		if rejects(&m, ref.Digest) || slices.Contains(m.Shadow, ref) && !gone && m.Live != nil || !succeeds(&m, ref, fixed, gone) {
			return errStays
		}
		if about.Reason = "the newest version that passed the load gates"; gone {
			about.Reason = "version " + about.From + " is gone"
		}
		st.Models[v.Name] = m
		return nil
	})
	fields := []zap.Field{zap.String("model", v.Name), zap.String("version", v.Version)}
	held := (*roles.NotHolderError)(nil)
	switch {
	case err == nil && from != "" && v.unshown():
		r.opts.Log.Warn("promoted without golden rows: nothing shows that its answers are right", append(fields, zap.String("from", from))...)
	case err == nil:
		r.opts.Log.Info("promoted", append(fields, zap.String("from", from))...)
	case !errors.Is(err, errStays) && !errors.As(err, &held):
		r.opts.Log.Error("a version's role cannot be written", append(fields, zap.Error(err))...)
	}
}

// unshown reports whether no golden row shows that the version's answers are right.
func (v *Version) unshown() bool {
	return v.Report != nil && slices.ContainsFunc(v.Report.Gates, func(g gates.Verdict) bool { return g.Gate == "golden" && g.Outcome == gates.Skipped })
}

// barred says why a proven version may not serve: its files were rejected, it has no other role, and nobody asked for it since.
func (r *Registry) barred(e *entry, report *gates.Report) *refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.opts.Roles.State().Models[e.bundle.Name]
	has := func(role *roles.Ref) bool {
		return role != nil && *role == roles.Ref{Version: e.bundle.Version, Digest: report.Digest}
	}
	if e.asked > 0 || has(m.Live) || has(m.Previous) || m.Canary != nil && has(&m.Canary.Ref) || !rejects(&m, report.Digest) {
		return nil
	}
	const gate = "role"
	return &refusal{gate, gate + ": these files were rejected; sluice models promote " + e.bundle.Name + " " + e.bundle.Version + " serves them all the same", "", report}
}

// succeeds makes a proven version the live one if that follows without anybody's word, and reports whether it
// did: the model has no live version, or that one may be replaced, and is older, is gone, or has other files now.
func succeeds(m *roles.Model, ref roles.Ref, fixed, gone bool) bool {
	switch {
	case m.Live == nil:
	case fixed || *m.Live == ref:
		return false
	case m.Live.Version == ref.Version:
	case newer(m, m.Live, ref.Version):
		m.Previous = m.Live
	case !gone:
		return false
	}
	if m.Live = &ref; m.Previous != nil && *m.Previous == ref {
		m.Previous = nil
	}
	if m.Canary != nil && m.Canary.Ref == ref {
		m.Canary = nil
	}
	endShadow(m, ref)
	return true
}

// newer reports whether a version is newer than another, than the previous one and than what was left for an older one,
// and not older than one that was rejected: who went back to a version wants neither what was left nor one in between.
func newer(m *roles.Model, than *roles.Ref, version string) bool {
	after := func(ref *roles.Ref) bool { return ref == nil || bundle.CompareVersions(version, ref.Version) > 0 }
	return after(than) && after(m.Previous) && (m.Passed == "" || bundle.CompareVersions(version, m.Passed) > 0) &&
		!slices.ContainsFunc(m.Rejected, func(ref roles.Ref) bool { return bundle.CompareVersions(version, ref.Version) < 0 })
}

// can reports whether the version that has a role can serve.
func (m *model) can(ref *roles.Ref) bool {
	return ref != nil && slices.ContainsFunc(m.entries, func(e *entry) bool {
		return e.onDisk && e.state != Failed && e.mayBe(ref)
	})
}

// standing tells whether a model's live version stays until somebody promotes another, and which version has
// lost the role, since it cannot serve any more; nil if none has.
func (r *Registry) standing(name string) (fixed bool, lost *roles.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.mu.models[name]
	if m != nil && !m.can(m.roles.Live) {
		lost = m.roles.Live
	}
	return m != nil && m.fixed(), lost
}

// succession gives the role of a live version that is missing, is gone, or is not held any more, to the newest that is ready.
func (r *Registry) succession() {
	var heirs []*Version
	r.mu.Lock()
	for _, m := range r.mu.models {
		for _, e := range m.entries {
			if e.state == Ready && e.onDisk && !m.rejected(e) && !(m.shadows(e) && m.can(m.roles.Live)) {
				if m.roles.Live == nil || !m.fixed() && !e.is(m.roles.Live) && (!m.can(m.roles.Live) || m.roles.Canary == nil && newer(&m.roles, m.roles.Live, e.bundle.Version)) {
					heirs = append(heirs, e.version)
				}
				break
			}
		}
	}
	r.mu.Unlock()
	for _, v := range heirs {
		r.settle(v)
	}
	if len(heirs) > 0 {
		r.update(func(map[string]*model) {})
	}
}

// followRoles makes true here what another gateway has decided.
func (r *Registry) followRoles() {
	for {
		changed := r.opts.Roles.Changed()
		r.update(func(map[string]*model) {})
		r.succession() // what came ready while another, or nobody, held the lease
		select {
		case <-changed:
		case <-r.ctx.Done():
			return
		}
	}
}
