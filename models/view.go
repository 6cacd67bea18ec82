package models

import (
	"slices"

	"sluice/internal/fault"
	"sluice/internal/near"
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
	live  *Version
	ready map[string]*Version
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
