package nvml

import (
	"cmp"
	"slices"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"sluice/internal/telemetry"
)

// unknownGPU is the index of an event whose GPU the driver did not say.
const unknownGPU = -1

// maxEvents bounds one poll, so that a GPU that storms does not keep Close waiting; the
// rest stays in the driver's queue for the next one.
const maxEvents = 64

type xidKey struct {
	gpu  int
	code uint64
}

// register asks the driver for the Xids of each GPU that has them. Whoever has none is
// watched without.
func (m *Monitor) register() {
	set, ret := m.lib.EventSetCreate()
	if ret != nvml.SUCCESS {
		return
	}
	registered := false
	for _, w := range m.watched {
		if w.device == nil {
			continue
		}
		types, ret := w.device.GetSupportedEventTypes()
		if ret != nvml.SUCCESS || types&nvml.EventTypeXidCriticalError == 0 {
			continue
		}
		w.gpu.XidEvents = w.device.RegisterEvents(nvml.EventTypeXidCriticalError, set) == nvml.SUCCESS
		registered = registered || w.gpu.XidEvents
	}
	if !registered {
		_ = set.Free() // an empty set that stays behind costs nothing
		return
	}
	m.events = set
}

// poll takes the events that are there; a wait of no time returns at once. Any error ends it, the usual one being that
// there is none; the next period tries again. A lost GPU shows in the sample.
func (m *Monitor) poll() {
	for range maxEvents {
		event, ret := m.events.Wait(0)
		if ret != nvml.SUCCESS {
			return
		}
		if event.EventType&nvml.EventTypeXidCriticalError == 0 {
			continue
		}
		gpu := m.indexOf(event.Device)
		m.mu.Lock()
		m.mu.xids[xidKey{gpu, event.EventData}]++
		m.mu.Unlock()
		if m.options.OnXid != nil {
			m.options.OnXid(gpu, event.EventData, LookupXid(event.EventData).Effect == Critical)
		}
	}
}

// indexOf finds the GPU of an event: by handle, which also works for one that no longer
// answers, else by UUID.
func (m *Monitor) indexOf(device nvml.Device) int {
	if device == nil {
		return unknownGPU
	}
	for i, w := range m.watched {
		if w.device == device {
			return i
		}
	}
	uuid, ret := device.GetUUID()
	if ret != nvml.SUCCESS || uuid == "" {
		return unknownGPU
	}
	return slices.IndexFunc(m.gpus, func(g GPU) bool { return g.UUID == uuid })
}

// xidCounts lists a GPU's Xids. Those of an unknown GPU count for each.
func (m *Monitor) xidCounts(gpu int) []telemetry.XidCount {
	m.mu.Lock()
	defer m.mu.Unlock()
	var counts []telemetry.XidCount
	for key, n := range m.mu.xids {
		if key.gpu != gpu && key.gpu != unknownGPU {
			continue
		}
		at := slices.IndexFunc(counts, func(c telemetry.XidCount) bool { return c.Code == key.code })
		if at < 0 {
			counts = append(counts, telemetry.XidCount{Code: key.code, Count: n})
		} else {
			counts[at].Count += n
		}
	}
	slices.SortFunc(counts, func(a, b telemetry.XidCount) int { return cmp.Compare(a.Code, b.Code) })
	return counts
}
