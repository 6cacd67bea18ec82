package models

import (
	"slices"

	"sluice/internal/fault"
	"sluice/internal/near"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// view is an immutable snapshot of what can be reached, replaced as a whole.
type view struct {
	models map[string]*modelView
	// names are the models that can be asked, in order.
	names []string
}

// modelView is one model in a view.
type modelView struct {
	// live is the version that requests without a version go to; nil if none is ready.
	live *Version
	// previous is the version that was live before; nil if it is not ready.
	previous *Version
	ready    map[string]*Version
	// order is the ready versions' names from old to new.
	order []string
	// known holds every version on record, for telling "not ready" from "not found".
	known map[string]State
	// available are the versions that an unknown one is answered with, newest first.
	available []string
	// unloaded means that the model was unloaded on request.
	unloaded bool
}

// find resolves a name and a version; "" is the live one.
func (v *view) find(name, version string) (*Version, error) {
	m := v.models[name]
	if m == nil {
		return nil, v.notFound(name)
	}
	if version == "" {
		if m.live == nil {
			return nil, m.noLive(name)
		}
		return m.live, nil
	}
	if found := m.ready[version]; found != nil {
		return found, nil
	}
	return nil, m.notReady(name, version)
}

// wayBack is the version that a rollback would leave in the place of another: the live one for a canary, else the one before.
func (v *view) wayBack(of *Version) *Version {
	m := v.models[of.Name]
	if m == nil {
		return nil
	}
	back := m.previous
	if m.live != nil {
		if s := m.live.split.Load(); s != nil && s.canary == of {
			back = m.live
		}
	}
	if back == of {
		return nil
	}
	return back
}

// notFound names the models that may have been meant. It says no more than the list of models does.
func (v *view) notFound(name string) error {
	meant := ""
	if misses := near.Likely(name, v.names); misses != "" {
		meant = "; did you mean " + misses + "?"
	}
	return fault.Newf(fault.ModelNotFound, "Request for unknown model: '%.64s' is not found%s", name, meant)
}

// noLive says whether it is worth coming again.
func (m *modelView) noLive(name string) error {
	if !m.unloaded {
		for version, state := range m.known {
			if state == Loading || state == Discovered || state == Failed {
				return fault.Newf(fault.ModelNotReady, "Request for unknown model: '%.64s' version %.64s is not at ready state", name, version)
			}
		}
	}
	return fault.Newf(fault.ModelNotFound, "Request for unknown model: '%.64s' has no available versions", name)
}

func (m *modelView) notReady(name, version string) error {
	if _, known := m.known[version]; known {
		return fault.Newf(fault.ModelNotReady, "Request for unknown model: '%.64s' version %.64s is not at ready state", name, version)
	}
	return fault.Newf(fault.VersionNotFound, "Request for unknown model: '%.64s' version %.64s is not found; its versions: %s", name, version, near.List(version, m.available))
}

// newView builds the snapshot of the control state.
func newView(models map[string]*model) *view {
	v := &view{models: make(map[string]*modelView, len(models))}
	for name, m := range models {
		mv := &modelView{ready: map[string]*Version{}, known: map[string]State{}, unloaded: m.unloaded}
		for _, e := range m.entries { // from new to old
			mv.known[e.bundle.Version] = e.state
			if e.state != Ready {
				continue
			}
			mv.ready[e.bundle.Version] = e.version
			if e.is(m.roles.Previous) {
				mv.previous = e.version
			}
			mv.order = append(mv.order, e.bundle.Version)
		}
		m.share()
		if e := m.live(); e != nil {
			mv.live = e.version
		}
		if mv.available = slices.Clone(mv.order); mv.live == nil {
			for _, e := range m.entries {
				mv.available = append(mv.available, e.bundle.Version)
			}
		}
		slices.Reverse(mv.order)
		v.models[name] = mv
		if mv.live != nil {
			v.names = append(v.names, name)
		}
	}
	slices.Sort(v.names)
	return v
}

// Status is one line of the repository index.
type Status struct {
	Name, Version string
	State         State
	// Live marks the version that requests without a version reach.
	Live bool
	// Role is what the version is for, and Held marks a live one that nothing replaces.
	Role Role
	Held bool
	// Share is the canary's share of the units, from 0 to 1.
	Share float64
	// Reason says why a version is not ready, and is empty if it is; it may be shown to clients.
	Reason string
	// Digest and Report are there once the load gates have run.
	Digest string
	Report *gates.Report
	// Unpinned marks a version that serves and whose files may be any.
	Unpinned bool
}

func (e *entry) status() Status {
	s := Status{Name: e.bundle.Name, Version: e.bundle.Version, State: e.state, Reason: e.why(), Report: e.report}
	if e.report != nil {
		s.Digest, s.Unpinned = e.report.Digest, e.state == Ready && !e.report.Pinned
	}
	return s
}

// OnRecord is nil if there is such a version, and else the fault that names those that there are: ModelNotFound or
// VersionNotFound.
func (r *Registry) OnRecord(name, version string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.entryLocked(name, version)
	return err
}

// why says why the version is not ready; it is empty for one that is, and for no other.
func (e *entry) why() string {
	switch {
	case e.state == Ready:
		return ""
	case e.reason != "":
		return e.reason
	case e.state == Loading:
		return "it is loading"
	case e.state == Draining:
		return "it answers its last requests"
	case e.state == Failed:
		return "it was refused without a reason"
	case !e.settled:
		return "its files came or changed just now"
	case e.state == Unloaded:
		return "it was unloaded, since newer versions serve"
	}
	return "it is not loaded, since newer versions serve"
}

// Refused is how many versions of a model a gate has refused.
type Refused struct {
	Model, Gate string
	Count       uint64
}

// Refused lists the refusals of each model on record.
func (r *Registry) Refused() (all []Refused) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, m := range r.mu.models {
		for gate, n := range m.refused {
			all = append(all, Refused{name, gate, n})
		}
	}
	return all
}

// Batching is how a version's rows share runs now, with what came after its load; known is false
// for one that is not on record any more.
func (r *Registry) Batching(v *Version) (how bundle.Batching, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.mu.models[v.Name]; m != nil {
		for _, e := range m.entries {
			if e.version == v && e.report != nil {
				return e.report.Batching, true
			}
		}
	}
	return bundle.Batching{}, false
}
