package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Versions is which version of each model is what.
type Versions struct {
	// Generation counts the changes of roles; the gateways that share a state folder should have the same one.
	Generation uint64
	// Holds is set on the gateway that changes roles, Behind where the state folder cannot be followed.
	Holds, Behind bool
	List          []VersionInfo
}

// VersionInfo is one version on record.
type VersionInfo struct {
	Model, Version, State, Role string
	Share                       float64 // of a canary, from 0 to 1
}

// WatchVersions names the function that a scrape asks for the versions; it must not block.
func (m *Metrics) WatchVersions(state func() Versions) { m.versions.Store(&state) }

var (
	descVersion        = describe("sluice_model_version_info", "1 for each version on record, with its state and its role.", "model", "version", "state", "role")
	descCanaryShare    = describe("sluice_model_canary_share_ratio", "Share of the units that go to a canary.", byModel...)
	descRoleGeneration = describe("sluice_roles_generation", "Changes of roles so far.")
	descRoleHolder     = describe("sluice_roles_holder", "1 on the gateway that changes roles, 0 on those that follow it.")
	descRoleBehind     = describe("sluice_roles_behind", "1 while the roles in the state folder cannot be followed.")
)

func (m *Metrics) collectVersions(ch chan<- prometheus.Metric) {
	state := m.versions.Load()
	if state == nil {
		return
	}
	v := (*state)()
	for _, i := range v.List {
		gauge(ch, descVersion, 1, i.Model, i.Version, i.State, i.Role)
		if i.Share > 0 {
			gauge(ch, descCanaryShare, i.Share, i.Model, i.Version)
		}
	}
	gauge(ch, descRoleGeneration, float64(v.Generation))
	gauge(ch, descRoleHolder, bit(v.Holds))
	gauge(ch, descRoleBehind, bit(v.Behind))
}
