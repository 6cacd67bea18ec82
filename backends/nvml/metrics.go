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
	to := func(r Reading) telemetry.Reading { return telemetry.Reading(r) }
	out := telemetry.GPU{
		Index: g.Index, UUID: g.UUID, Name: g.Name, PCIBusID: g.PCIBusID,
		Lost:              s.Lost || g.Fault != "",
		Utilization:       to(s.Utilization),
		MemoryUtilization: to(s.MemoryUtilization),
		MemoryTotal:       to(g.Memory),
		MemoryUsed:        to(s.MemoryUsed),
		MemoryFree:        to(s.MemoryFree),
		Power:             to(s.Power),
		PowerLimit:        to(s.PowerLimit),
		Energy:            to(s.Energy),
		SMClock:           to(s.SMClock),
		MaxSMClock:        to(g.MaxSMClock),
		MemoryClock:       to(s.MemoryClock),
		MaxMemoryClock:    to(g.MaxMemoryClock),
		Temperature:       to(s.Temperature),
		ECCCorrected:      to(s.ECCCorrected),
		ECCUncorrected:    to(s.ECCUncorrected),
		Processes:         to(s.Processes),
		SMActive:          to(s.SMActive),
		SMOccupancy:       to(s.SMOccupancy),
		TensorActive:      to(s.TensorActive),
		DRAMActive:        to(s.DRAMActive),
		PCIeSent:          to(s.PCIeSent),
		PCIeReceived:      to(s.PCIeReceived),
		Slowdown:          telemetry.Reading{Value: s.Slowdown, Known: s.ReasonsKnown && s.SMClock.Known},
	}
	if s.ReasonsKnown {
		for _, reason := range s.Reasons.List() {
			out.ClockReasons = append(out.ClockReasons, telemetry.ClockReason{Name: reason.Name, Active: reason.Active})
		}
	}
	for _, x := range s.Xids {
		out.Xids = append(out.Xids, telemetry.XidCount(x))
	}
	return out
}
