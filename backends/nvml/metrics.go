package nvml

import (
	"time"

	"sluice/internal/telemetry"
)

// Metrics is the latest sample as telemetry's Metrics.WatchGPUs wants it.
func (m *Monitor) Metrics() telemetry.GPUSample {
	s := m.Sample()
	out := telemetry.GPUSample{Age: time.Since(s.At), Took: s.Took, GPUs: make([]telemetry.GPU, len(s.GPUs))}
	for i := range s.GPUs {
		out.GPUs[i] = metrics(&m.gpus[i], &s.GPUs[i])
		out.GPUs[i].Driver = m.driver.Version
	}
	return out
}

func metrics(g *GPU, s *State) telemetry.GPU {
	out := telemetry.GPU{
		Index: g.Index, UUID: g.UUID, Name: g.Name, PCIBusID: g.PCIBusID,
		Lost:        s.Lost || g.Fault != "",
		GPUReadings: s.GPUReadings,
		MemoryTotal: g.Memory, MaxSMClock: g.MaxSMClock, MaxMemoryClock: g.MaxMemoryClock,
		Xids:     s.Xids,
		Slowdown: telemetry.Reading{Value: s.Slowdown, Known: s.ReasonsKnown && s.SMClock.Known},
	}
	if s.ReasonsKnown {
		for _, reason := range s.Reasons.List() {
			out.ClockReasons = append(out.ClockReasons, telemetry.ClockReason{Name: reason.Name, Active: reason.Active})
		}
	}
	return out
}
