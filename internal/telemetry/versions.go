package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Versions is which version of each model is what.
type Versions struct {
	// Generation counts the changes of roles; the gateways that share a state folder should have the same one.
	Generation uint64
	// Holds is set on the gateway that changes roles, Behind where the state folder cannot be followed.
	Holds, Behind bool
	// List has the versions of each model together, from old to new.
	List    []VersionInfo
	Refused []RefusedVersions
	Plans   []PlanInfo
}

// PlanInfo is how far the plan of a model is. Step counts the canary's from 1 on.
type PlanInfo struct {
	Model, Version, Phase string
	Step                  int
}

// RefusedVersions counts the versions of a model that a load gate has refused.
type RefusedVersions struct {
	Model, Gate string
	Count       uint64
}

// VersionInfo is one version on record.
type VersionInfo struct {
	Model, Version, State, Role string
	Share                       float64 // of a canary, from 0 to 1
}

// roleLive is the role of the version that requests without one go to.
const roleLive = "live"

// WatchVersions names the function that a scrape asks for the versions; it must not block.
func (m *Metrics) WatchVersions(state func() Versions) { m.versions.Store(&state) }

var (
	descVersion        = describe("sluice_model_version_info", "1 for each version on record, with its state and its role.", "model", "version", "state", "role")
	descNewestLive     = describe("sluice_model_newest_live", "1 if the newest version on record is the live one.", "model")
	descVersionRefused = describe("sluice_model_versions_refused_total", "Versions that a load gate has refused.", "model", "gate")
	descCanaryShare    = describe("sluice_model_canary_share_ratio", "Share of the units that go to a canary.", byModel...)
	descPlan           = describe("sluice_rollout_info", "1 for each model with a plan, with its version and its phase.", "model", "version", "phase")
	descPlanStep       = describe("sluice_rollout_step", "Step of a plan's canary, from 1 on; 0 before it.", byModel...)
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
	for at, i := range v.List {
		if at+1 == len(v.List) || v.List[at+1].Model != i.Model {
			gauge(ch, descNewestLive, bit(i.Role == roleLive), i.Model)
		}
		gauge(ch, descVersion, 1, i.Model, i.Version, i.State, i.Role)
		if i.Share > 0 {
			gauge(ch, descCanaryShare, i.Share, i.Model, i.Version)
		}
	}
	for _, r := range v.Refused {
		counter(ch, descVersionRefused, float64(r.Count), r.Model, r.Gate)
	}
	for _, p := range v.Plans {
		gauge(ch, descPlan, 1, p.Model, p.Version, p.Phase)
		gauge(ch, descPlanStep, float64(p.Step), p.Model, p.Version)
	}
	gauge(ch, descRoleGeneration, float64(v.Generation))
	gauge(ch, descRoleHolder, bit(v.Holds))
	gauge(ch, descRoleBehind, bit(v.Behind))
}
