package models

import (
	"sluice/models/bundle"
	"sluice/models/gates"
)

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
