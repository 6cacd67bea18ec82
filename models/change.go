package models

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"sluice/internal/fault"
	"sluice/internal/near"
	"sluice/models/bundle"
	"sluice/models/roles"
)

// By is who asks for a change of roles.
type By struct {
	Who    string // a name, for the history
	Reason string // why, in a sentence; may be empty
	Key    string // of an idempotent request; empty if it has none
}

// Promote makes a version the live one, whatever holds or rejects it, and loads it first if need be. The one
// before stays loaded as the previous version. When Promote returns, requests reach the new one.
func (r *Registry) Promote(ctx context.Context, name, version string, by By) error {
	ref, done, err := r.want(ctx, name, version)
	if err != nil {
		return err
	}
	defer done()
	return r.change(by, roles.Entry{Action: actPromote, Model: name, Version: ref.Version, Digest: ref.Digest}, func(m *roles.Model, about *roles.Entry) error {
		if m.Hold {
			about.Reason = reasons(about.Reason, "lifts the hold")
		}
		lift(m, ref, about)
		if m.Canary != nil {
			about.Reason = reasons(about.Reason, endsCanary)
		}
		endPlan(m, about)
		m.Hold, m.Canary, m.Plan = false, nil, nil
		endShadow(m, ref)
		if m.Live == nil || *m.Live != ref {
			pass(m, ref)
			m.Previous, m.Live = m.Live, &ref
		}
		return nil
	})
}

// Rollback goes back to what was before, and rejects what it leaves, so that this is not taken again as the newest: it
// ends the canary, or without one makes the previous version the live one. It loads nothing where that is still
// loaded.
func (r *Registry) Rollback(ctx context.Context, name string, by By) error {
	now := r.opts.Roles.State().Models[name]
	switch {
	case now.Canary != nil:
		return r.leave(name, now.Canary.Ref, by)
	case planned(now.Plan):
		return r.leave(name, now.Plan.Ref, by)
	}
	about := roles.Entry{Action: actRollback, Model: name}
	previous := now.Previous
	if previous == nil { // unless its key was used before
		return r.change(by, about, func(*roles.Model, *roles.Entry) error {
			return fault.Newf(fault.Conflict, "cannot roll back '%s': no version was live before; promote the one that should be", name)
		})
	}
	ref, done, err := r.want(ctx, name, previous.Version)
	if err != nil {
		return err
	}
	defer done()
	about.Version, about.Digest = ref.Version, ref.Digest
	return r.change(by, about, func(m *roles.Model, _ *roles.Entry) error {
		if m.Live == nil || m.Previous == nil || *m.Previous != ref || m.Canary != nil || planned(m.Plan) {
			return fault.Newf(fault.Conflict, "cannot roll back '%s': version %s, which was live before, has other files now, or the roles have just changed", name, ref.Version)
		}
		m.Rejected = and(m.Rejected, *m.Live)
		m.Live, m.Previous, m.Plan = m.Previous, nil, nil
		return nil
	})
}

// leave is the way back from a canary, or from a version that has a plan: the live version has all units again.
func (r *Registry) leave(name string, ref roles.Ref, by By) error {
	return r.change(by, roles.Entry{Action: actRollback, Model: name}, func(m *roles.Model, about *roles.Entry) error {
		tried := m.Canary != nil && m.Canary.Ref == ref || planned(m.Plan) && m.Plan.Ref == ref
		if m.Live == nil || !tried {
			return fault.Newf(fault.Conflict, "cannot roll back '%s': its roles have just changed", name)
		}
		about.Version, about.Digest, about.From = m.Live.Version, m.Live.Digest, ref.Version
		reject(m, ref, about)
		return nil
	})
}

// Hold keeps the live version live, whatever comes, until Release or Promote.
func (r *Registry) Hold(name string, by By) error {
	return r.change(by, roles.Entry{Action: actHold, Model: name}, func(m *roles.Model, about *roles.Entry) error {
		if m.Live == nil {
			return fault.Newf(fault.Conflict, "cannot hold '%s': it has no live version", name)
		}
		m.Hold, about.Version, about.Digest = true, m.Live.Version, m.Live.Digest
		return nil
	})
}

// Release lifts a model's hold and the rejection of its versions, and lets versions that were left for older ones become
// live again.
func (r *Registry) Release(name string, by By) error {
	barred := map[*entry]bool{}
	r.update(func(models map[string]*model) {
		if m := models[name]; m != nil {
			for _, e := range m.entries {
				barred[e] = e.state == Failed && m.rejected(e)
			}
		}
	})
	err := r.change(by, roles.Entry{Action: actRelease, Model: name}, func(m *roles.Model, _ *roles.Entry) error {
		if m.Hold, m.Rejected, m.Passed = false, nil, ""; m.Plan != nil && m.Plan.Phase != planShadow && m.Plan.Phase != planCanary {
			m.Plan = nil // a plan begins again
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.update(func(map[string]*model) {
		for e, again := range barred {
			if again && e.state == Failed {
				e.state = Discovered
			}
		}
	})
	r.succession()
	return nil
}

// Reject keeps a version's files from ever being taken as the newest. The live version cannot be rejected:
// Rollback does that.
func (r *Registry) Reject(name, version string, by By) error {
	digest, err := r.digestOf(name, version)
	if err != nil {
		return err
	}
	ref := roles.Ref{Version: version, Digest: digest}
	return r.change(by, roles.Entry{Action: actReject, Model: name, Version: version, Digest: digest}, func(m *roles.Model, about *roles.Entry) error {
		if m.Live != nil && *m.Live == ref {
			return fault.Newf(fault.Conflict, "cannot reject '%s' version %s: it is live; roll back, or promote another version first", name, version)
		}
		reject(m, ref, about)
		return nil
	})
}

// reject takes its roles from a version that is not live.
func reject(m *roles.Model, ref roles.Ref, about *roles.Entry) {
	if m.Previous != nil && *m.Previous == ref {
		m.Previous = nil
	}
	if m.Canary != nil && m.Canary.Ref == ref {
		m.Canary, about.Reason = nil, reasons(about.Reason, endsCanary)
	}
	if m.Plan != nil && m.Plan.Ref == ref {
		endPlan(m, about)
	}
	endShadow(m, ref)
	m.Rejected = and(m.Rejected, ref)
}

// pass notes what somebody leaves for an older version, so that it is not taken again as the newest.
func pass(m *roles.Model, to roles.Ref) {
	if m.Live != nil && bundle.CompareVersions(m.Live.Version, cmp.Or(m.Passed, to.Version)) > 0 {
		m.Passed = m.Live.Version
	}
	if m.Passed != "" && bundle.CompareVersions(to.Version, m.Passed) >= 0 {
		m.Passed = ""
	}
}

// maxRejected is how many rejections of a model are kept, the newest; the record has room for 256.
const maxRejected = 200

func and(all []roles.Ref, ref roles.Ref) []roles.Ref {
	all = append(slices.DeleteFunc(slices.Clone(all), func(other roles.Ref) bool { return other == ref }), ref)
	return all[max(0, len(all)-maxRejected):]
}

// Roles is the record of which version is what.
func (r *Registry) Roles() *roles.Store { return r.opts.Roles }

// change writes a change of one model's roles down and makes it true here.
func (r *Registry) change(by By, about roles.Entry, edit func(m *roles.Model, about *roles.Entry) error) error {
	if err := r.known(about.Model); err != nil {
		return err
	}
	about.Who, about.Reason, about.Key = by.Who, by.Reason, by.Key
	_, _, err := r.opts.Roles.Change(about, func(st *roles.State, about *roles.Entry) error {
		m := st.Models[about.Model]
		if m.Live != nil {
			about.From = m.Live.Version
		}
		if err := edit(&m, about); err != nil {
			return err
		}
		st.Models[about.Model] = m
		return nil
	})
	r.update(func(map[string]*model) {})
	var held *roles.NotHolderError
	var known *fault.Error
	var key *roles.KeyError
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.As(err, &key):
		return fault.Wrap(fault.Conflict, key, key.Error())
	case errors.As(err, &held):
		return fault.Wrap(fault.Conflict, held, held.Error())
	}
	return fault.Wrap(fault.Internal, err, "the change cannot be written to the state folder: "+err.Error())
}

// known is nil if there is such a model.
func (r *Registry) known(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.models[name] == nil {
		return r.view.Load().notFound(name)
	}
	return nil
}

// readingWait is how long a change waits for the files of a version that is loading to be read.
const readingWait = 10 * time.Second

// digestOf is what was read of a version's files.
func (r *Registry) digestOf(name, version string) (digest string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), readingWait)
	defer cancel()
	_ = r.await(ctx, func(map[string]*model) bool {
		var e *entry
		if e, err = r.entryLocked(name, version); err != nil {
			return true
		}
		if digest = e.digest(); digest == "" {
			err = fault.Newf(fault.Conflict, "'%s' version %s has not been read yet: %s", name, version, e.why())
		}
		return digest != "" || e.state != Loading
	})
	return digest, err // after the limit that of the last look
}

func (r *Registry) entryLocked(name, version string) (*entry, error) {
	m := r.mu.models[name]
	if m == nil {
		return nil, r.view.Load().notFound(name)
	}
	var others []string
	for _, e := range m.entries {
		if e.bundle.Version == version {
			return e, nil
		}
		others = append(others, e.bundle.Version)
	}
	return nil, fault.Newf(fault.VersionNotFound, "'%s' has no version %.64s; its versions: %s", name, version, near.List(version, others))
}

// want waits until a version is ready, and has it loaded if it is not. It stays wanted until done.
func (r *Registry) want(ctx context.Context, name, version string) (ref roles.Ref, done func(), err error) {
	var e *entry
	r.update(func(models map[string]*model) {
		if e, err = r.entryLocked(name, version); err != nil {
			return
		}
		e.asked++
		if e.state == Failed && models[name].rejected(e) {
			e.state = Discovered
		}
	})
	if err != nil {
		return ref, nil, err
	}
	done = func() { r.update(func(map[string]*model) { e.asked-- }) }
	state, why := Loading, ""
	waited := r.await(ctx, func(models map[string]*model) bool {
		m := models[name]
		if state, why = e.state, e.why(); m == nil || m.unloaded {
			state, why = Unloaded, "the model is unloaded; load it first"
		}
		ref = roles.Ref{Version: version, Digest: e.digest()}
		return state == Ready || state == Failed || state == Unloaded && (m == nil || m.unloaded || !e.onDisk)
	})
	switch {
	case waited != nil:
		err = fault.Wrap(fault.ModelNotReady, waited, "the version is still loading")
	case state != Ready:
		err = fault.Newf(fault.ModelLoadFailed, "'%s' version %s cannot serve: %s", name, version, why)
	}
	if err != nil {
		done()
		return ref, nil, err
	}
	return ref, done, nil
}
