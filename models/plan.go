package models

import (
	"cmp"
	"context"
	"time"

	"go.uber.org/zap"

	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/models/roles"
)

// State is where a version is in its life; doc.go draws the transitions.
type State uint8

// The states.
const (
	Discovered State = iota
	Loading
	Ready
	Draining
	Unloaded
	Failed
)

var stateNames = [...]string{"DISCOVERED", "LOADING", "READY", "DRAINING", "UNLOADED", "FAILED"}

// String is the state's name.
func (s State) String() string { return stateNames[s] }

// model is the control state of one name. entries go from new to old.
type model struct {
	entries []*entry
	// unloaded means that the model was unloaded on request and stays so until Load.
	unloaded bool
	// first means that readiness waits for it: it was there at the start, and no version of it
	// has been loaded or refused yet.
	first bool
	// keep is how many versions stay loaded by the model's own settings; 0 leaves it to the server's.
	keep int
	// roles are what the versions are for, as the state has it.
	roles roles.Model
	// own is what the model's own settings say, and promote what becomes of candidates by them, or else by
	// the server's.
	own     own
	promote Promotion
	// keepPrevious means that the version that was live before stays loaded.
	keepPrevious bool
	// refused counts the versions that each gate has refused.
	refused map[string]uint64
	// told is what was last said to be ignored of the model's settings.
	told string
}

func (m *model) refuse(gate string) {
	if m.refused == nil {
		m.refused = map[string]uint64{}
	}
	m.refused[gate]++
}

// entry is the control state of one version.
type entry struct {
	bundle *bundle.Bundle
	state  State
	// onDisk is false once the folder is gone.
	onDisk bool
	// veil is the fingerprint of the config.pbtxt that has hidden the version since veiled.
	veil   string
	veiled time.Time
	// print is the files' fingerprint at the last look, since when it is the same, and
	// settled that it may be loaded.
	print   string
	since   time.Time
	settled bool
	// loaded is the fingerprint that the last load began with.
	loaded string
	warned bool // about files that changed under a loaded version
	// shared is the fingerprint of the model's own settings at the last look, and applied that of those that
	// the last load began with. refusal says why those of the fingerprint refused could not take their place.
	shared, applied  string
	refused, refusal string
	// reloading means that a version that serves is being loaded again; leaving counts the ones before it
	// that still drain.
	reloading bool
	leaving   int

	version *Version // while READY or DRAINING
	report  *gates.Report
	reason  string
	cancel  func() // ends a load; set while LOADING
	// begun means that a load has had its turn.
	begun bool
	// returned are the devices that Attach named while the version was LOADING, which may
	// have passed them over before.
	returned []*gates.Device
	// asked counts the changes that wait for the version.
	asked int
	// gave names the version for which a previous one was unloaded.
	gave string
	// joining are the devices that are being proven for the READY version.
	joining map[string]bool
}

// plan decides what one model needs next: which versions to load and which to retire.
//
// Wanted are the versions that have a role, those that somebody asked for, and the newest that are on disk, did
// not fail and were not rejected: as many as the model's own settings keep, or else keep. Any other is retired
// only once all wanted ones are ready, so there is never a gap; one that gives its memory to another goes at once. A
// version that fails is passed over, so the next older one is wanted in its place.
func plan(m *model, keep int) (load, retire []*entry) {
	wanted := m.wanted(cmp.Or(m.keep, keep))
	allReady := true
	for _, e := range m.entries {
		if !wanted[e] {
			continue
		}
		allReady = allReady && e.state == Ready
		if e.state == Discovered || e.state == Unloaded {
			load = append(load, e)
		}
	}
	for _, e := range m.entries {
		if e.state == Ready && !wanted[e] && (allReady || e.gave != "") {
			retire = append(retire, e)
		}
	}
	return load, retire
}

// wanted are the versions that should be loaded: those with a role, those that somebody asked for, the newest
// that may become live, and for their age alone as many as keep leaves.
func (m *model) wanted(keep int) map[*entry]bool {
	wanted := map[*entry]bool{}
	if m.unloaded {
		return wanted
	}
	take := func(most int, fits func(*entry) bool) {
		for _, e := range m.entries {
			if most > 0 && !wanted[e] && fits(e) {
				wanted[e] = true
				keep, most = keep-1, most-1
			}
		}
	}
	take(len(m.entries), func(e *entry) bool {
		if e.state == Ready && m.fixed() && e.is(m.roles.Live) {
			return true // also if its folder is gone
		}
		return e.there() && (m.hasRole(e) || e.asked > 0)
	})
	var serves *roles.Ref
	for _, ref := range []*roles.Ref{m.roles.Previous, m.roles.Live} {
		if m.can(ref) {
			serves = ref
		}
	}
	take(1, func(e *entry) bool {
		return e.there() && !m.rejected(e) && newer(&m.roles, serves, e.bundle.Version)
	})
	take(keep, func(e *entry) bool { return e.there() && !m.rejected(e) })
	return wanted
}

// there reports whether a version is on disk and can be loaded, or is.
func (e *entry) there() bool {
	return e.onDisk && e.state != Failed && (e.settled || e.state == Ready || e.state == Loading)
}

// hasRole reports whether a version has a role for which it stays loaded. A version_policy says itself how many do.
func (m *model) hasRole(e *entry) bool {
	return e.mayBe(m.roles.Live) || m.roles.Canary != nil && e.mayBe(&m.roles.Canary.Ref) || m.roles.Plan != nil && planned(m.roles.Plan) && e.mayBe(&m.roles.Plan.Ref) || m.keepPrevious && m.keep == 0 && e.gave == "" && e.mayBe(m.roles.Previous)
}

// busy tells whether the model is on its way to what plan wants.
func (m *model) busy(keep int) bool {
	for _, e := range m.entries {
		if e.state == Loading || e.state == Draining || len(e.joining) > 0 || e.reloading || e.leaving > 0 || e.outdated() {
			return true
		}
	}
	load, retire := plan(m, keep)
	return len(load)+len(retire) > 0
}

// isReady reports whether requests without a version are answered.
func (m *model) isReady() bool { return m.live() != nil }

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
