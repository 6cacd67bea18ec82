package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// gpm reads the counters that newer chips keep themselves ("GPU performance
// monitoring"): they are differences of two samples, which change places each period.
// The zero value is a GPU without them.
type gpm struct {
	now, before nvml.GpmSample
	primed      bool // before holds a sample
}

var gpmSymbols = []string{"nvmlGpmQueryDeviceSupport", "nvmlGpmSampleAlloc", "nvmlGpmSampleFree", "nvmlGpmSampleGet", "nvmlGpmMetricsGet"}

// gpmMetrics are the counters that are read: where each goes, and the base unit of one.
var gpmMetrics = []struct {
	id   nvml.GpmMetricId
	unit float64
	into func(*State) *Reading
}{
	{nvml.GPM_METRIC_SM_UTIL, 0.01, func(s *State) *Reading { return &s.SMActive }},
	{nvml.GPM_METRIC_SM_OCCUPANCY, 0.01, func(s *State) *Reading { return &s.SMOccupancy }},
	{nvml.GPM_METRIC_ANY_TENSOR_UTIL, 0.01, func(s *State) *Reading { return &s.TensorActive }},
	{nvml.GPM_METRIC_DRAM_BW_UTIL, 0.01, func(s *State) *Reading { return &s.DRAMActive }},
	{nvml.GPM_METRIC_PCIE_TX_PER_SEC, 1 << 20, func(s *State) *Reading { return &s.PCIeSent }},
	{nvml.GPM_METRIC_PCIE_RX_PER_SEC, 1 << 20, func(s *State) *Reading { return &s.PCIeReceived }},
}

// newGPM prepares the counters, or returns the zero value where chip or driver has none.
func newGPM(lib nvml.Interface, device nvml.Device, has func(symbol string) bool) gpm {
	for _, symbol := range gpmSymbols {
		if !has(symbol) {
			return gpm{}
		}
	}
	if support, ret := device.GpmQueryDeviceSupport(); ret != nvml.SUCCESS || support.IsSupportedDevice == 0 {
		return gpm{}
	}
	now, ret := lib.GpmSampleAlloc()
	if ret != nvml.SUCCESS {
		return gpm{}
	}
	before, ret := lib.GpmSampleAlloc()
	if ret != nvml.SUCCESS {
		_ = lib.GpmSampleFree(now) // going without counters is all that is left to do
		return gpm{}
	}
	return gpm{now: now, before: before}
}

// read fills the readings and reports whether the GPU is lost.
func (g *gpm) read(lib nvml.Interface, device nvml.Device, index int, s *State) (lost bool) {
	if g.now == nil {
		return false
	}
	fault := func(ret nvml.Return) bool {
		g.primed = false
		switch ret {
		case nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED:
			return true
		case nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_NO_PERMISSION:
			g.free(lib) // as on a GPU in parts (MIG)
		default:
			s.Faults = append(s.Faults, fmt.Errorf("cannot read the performance counters of GPU %d: %w", index, ret))
		}
		return false
	}
	if ret := device.GpmSampleGet(g.now); ret != nvml.SUCCESS {
		return fault(ret)
	}
	if g.primed {
		query := nvml.GpmMetricsGetType{NumMetrics: uint32(len(gpmMetrics)), Sample1: g.before, Sample2: g.now}
		for i := range gpmMetrics {
			query.Metrics[i].MetricId = uint32(gpmMetrics[i].id)
		}
		if ret := lib.GpmMetricsGet(&query); ret != nvml.SUCCESS {
			return fault(ret)
		}
		for i := range gpmMetrics {
			m := &query.Metrics[i]
			*gpmMetrics[i].into(s) = reading(nvml.Return(m.NvmlReturn), m.Value*gpmMetrics[i].unit)
		}
	}
	g.now, g.before, g.primed = g.before, g.now, true
	return false
}

func (g *gpm) free(lib nvml.Interface) {
	if g.now != nil {
		// Nothing is left to do about memory that cannot be freed.
		_ = lib.GpmSampleFree(g.now)
		_ = lib.GpmSampleFree(g.before)
	}
	*g = gpm{}
}
