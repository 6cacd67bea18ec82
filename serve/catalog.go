package serve

import (
	"sluice/gateway"
	"sluice/internal/oip"
	"sluice/models"
)

// catalog is the registry as the gateway sees it.
type catalog struct{ registry *models.Registry }

func (c catalog) Acquire(name, version string) (gateway.Model, error) {
	v, err := c.registry.Acquire(name, version)
	if err != nil {
		return nil, err
	}
	return v.Served.(*served), nil
}

// states are the registry's states in the protocol's words.
var states = map[models.State]string{
	models.Discovered: oip.StateUnavailable,
	models.Loading:    oip.StateLoading,
	models.Ready:      oip.StateReady,
	models.Draining:   oip.StateUnloading,
	models.Unloaded:   oip.StateUnavailable,
	models.Failed:     oip.StateUnavailable,
}

func (c catalog) List() []gateway.ModelStatus {
	index := c.registry.Index()
	list := make([]gateway.ModelStatus, len(index))
	for i, s := range index {
		list[i] = gateway.ModelStatus{Name: s.Name, Version: s.Version, State: states[s.State], Reason: s.Reason, Unpinned: s.Unpinned}
		if s.State == models.Ready {
			list[i].Stats = func() oip.ModelStatistics { return c.stats(s.Name, s.Version) }
		}
	}
	return list
}

// stats are those of a version that was ready when it was listed.
func (c catalog) stats(name, version string) oip.ModelStatistics {
	v, err := c.registry.Acquire(name, version)
	if err != nil {
		return oip.NewModelStatistics(name, version)
	}
	defer v.Release()
	return v.Served.(*served).Stats()
}
