package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Shadow is a version to which requests are mirrored.
type Shadow struct {
	// Version is MODEL:VERSION where it is of another model.
	Model, Version string
	Up             bool
	Restarts       uint64
	Resident       int64   // bytes of its processes
	RingFull       float64 // from 0 to 1
	Levels         []ShadowLevel
	Verdicts       []ShadowVerdict
}

// ShadowLevel is what came of the requests that were sampled at a level of load.
type ShadowLevel struct {
	Load            string
	Seen, Compared  uint64
	Dropped, Failed []Dropped // every reason that there is
}

// ShadowVerdict is a criterion and what is shown of it.
type ShadowVerdict struct{ Criterion, Verdict string }

// WatchShadows names the function that a scrape asks for the shadows.
func (m *Metrics) WatchShadows(state func() []Shadow) { m.shadows.Store(&state) }

var (
	byLoad   = []string{"model", "version", "load"}
	byReason = []string{"model", "version", "reason", "load"}

	descShadowSeen     = describe("sluice_shadow_seen_total", "Requests that were sampled to be mirrored, by how much of the capacity live requests needed: low, middle or high.", byLoad...)
	descShadowCompared = describe("sluice_shadow_compared_total", "Mirrored requests that were compared.", byLoad...)
	descShadowDropped  = describe("sluice_shadow_dropped_total", "Sampled requests that were not mirrored, by reason.", byReason...)
	descShadowFailed   = describe("sluice_shadow_failed_total", "Mirrored requests that the shadow did not answer, by reason.", byReason...)
	descShadowUp       = describe("sluice_shadow_up", "1 while a shadow's process answers.", byModel...)
	descShadowRestarts = describe("sluice_shadow_restarts_total", "How often a shadow's process has ended and was to be started again.", byModel...)
	descShadowResident = describe("sluice_shadow_resident_bytes", "Memory of a shadow's processes.", byModel...)
	descShadowRing     = describe("sluice_shadow_ring_ratio", "How full the ring of requests is that wait for a shadow, from 0 to 1.", byModel...)
	descShadowVerdict  = describe("sluice_shadow_verdict_info", "1 for each criterion of a comparison, with its verdict: PASS, FAIL, WAIT or LOOK.", "model", "version", "criterion", "verdict")
)

func (m *Metrics) collectShadows(ch chan<- prometheus.Metric) {
	state := m.shadows.Load()
	if state == nil {
		return
	}
	for _, s := range (*state)() {
		for _, l := range s.Levels {
			counter(ch, descShadowSeen, float64(l.Seen), s.Model, s.Version, l.Load)
			counter(ch, descShadowCompared, float64(l.Compared), s.Model, s.Version, l.Load)
			for _, d := range l.Dropped {
				counter(ch, descShadowDropped, float64(d.Count), s.Model, s.Version, d.Reason, l.Load)
			}
			for _, d := range l.Failed {
				counter(ch, descShadowFailed, float64(d.Count), s.Model, s.Version, d.Reason, l.Load)
			}
		}
		gauge(ch, descShadowUp, bit(s.Up), s.Model, s.Version)
		counter(ch, descShadowRestarts, float64(s.Restarts), s.Model, s.Version)
		gauge(ch, descShadowResident, float64(s.Resident), s.Model, s.Version)
		gauge(ch, descShadowRing, s.RingFull, s.Model, s.Version)
		for _, v := range s.Verdicts {
			gauge(ch, descShadowVerdict, 1, s.Model, s.Version, v.Criterion, v.Verdict)
		}
	}
}
