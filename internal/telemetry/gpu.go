package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reading is one quantity, in base units. Known is false where the chip, the driver or
// the moment does not give it: Value is then 0 and means nothing, and there is no series.
type Reading struct {
	Value float64
	Known bool
}

// GPUSample is the state of all GPUs as of a while ago.
type GPUSample struct {
	// Age is how old the sample is; it grows where the driver hangs.
	Age time.Duration
	// Took is how long taking it lasted.
	Took time.Duration
	GPUs []GPU
}

// GPU is one GPU in a sample.
type GPU struct {
	Index                        int
	UUID, Name, PCIBusID, Driver string
	Lost                         bool

	GPUReadings
	MemoryTotal                Reading // bytes
	MaxSMClock, MaxMemoryClock Reading // hertz
	// Slowdown is how many times slower the clock makes the GPU than normal.
	Slowdown     Reading
	ClockReasons []ClockReason
	Xids         []XidCount
}

// GPUReadings are what changes of a GPU.
type GPUReadings struct {
	// Utilization is the share of the driver's last measuring interval in which a kernel
	// ran, 0 to 1; MemoryUtilization that in which device memory was read or written.
	Utilization, MemoryUtilization Reading
	MemoryUsed, MemoryFree         Reading // bytes
	Power, PowerLimit              Reading // watts; the limit is the one in force
	Energy                         Reading // joules since the server began to watch
	SMClock, MemoryClock           Reading // hertz
	Temperature                    Reading // degrees Celsius, of the chip
	// ECCCorrected and ECCUncorrected count memory errors since the driver was loaded.
	ECCCorrected, ECCUncorrected Reading
	Processes                    Reading // with a compute context on the GPU

	// The GPU's own counters over the last period (GPM: Hopper and later), shares from 0
	// to 1: of SMs busy, of warps resident, of time in tensor cores, of memory bandwidth.
	SMActive, SMOccupancy, TensorActive, DRAMActive Reading
	PCIeSent, PCIeReceived                          Reading // bytes per second, seen from the GPU
}

// ClockReason is a reason why clocks are not higher, and whether it holds.
type ClockReason struct {
	Name   string
	Active bool
}

// XidCount is how often a driver error occurred.
type XidCount struct{ Code, Count uint64 }

// WatchGPUs names the function that a scrape asks for the GPUs; it must not block. nil
// ends it.
func (m *Metrics) WatchGPUs(sample func() GPUSample) {
	if sample == nil {
		m.gpus.Store(nil)
		return
	}
	m.gpus.Store(&sample)
}

func describeGPU(name, help string, labels ...string) *prometheus.Desc {
	return describe(name, help, append([]string{"gpu_uuid"}, labels...)...)
}

var (
	descGPUAge    = describe("sluice_gpu_sample_age_seconds", "How old the readings of the GPUs are.")
	descGPUTook   = describe("sluice_gpu_sample_duration_seconds", "How long the latest reading of all GPUs took.")
	descGPUInfo   = describeGPU("sluice_gpu_info", "A GPU of this machine; always 1.", "gpu", "name", "pci_bus_id", "driver")
	descGPUUp     = describeGPU("sluice_gpu_up", "1 for a GPU that answers, 0 for one that is lost.")
	descGPUReason = describeGPU("sluice_gpu_clock_reason", "1 for a reason that keeps the clocks from being higher, 0 for one that does not hold.", "reason")
	descGPUECC    = describeGPU("sluice_gpu_ecc_errors_total", "Memory errors since the driver was loaded.", "kind")
	descGPUXid    = describeGPU("sluice_gpu_xid_errors_total", "Errors that the driver reported, by Xid.", "xid")
)

// gpuMetric is a series with a GPU's own label alone.
type gpuMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*GPU) Reading
}

func gpuGauge(name, help string, read func(*GPU) Reading) gpuMetric {
	return gpuMetric{describeGPU(name, help), prometheus.GaugeValue, read}
}

func gpuCounter(name, help string, read func(*GPU) Reading) gpuMetric {
	return gpuMetric{describeGPU(name, help), prometheus.CounterValue, read}
}

// gpuSeries end with the names that dashboards and load testers for Triton read: these
// match the one label and no other.
var gpuSeries = []gpuMetric{
	gpuGauge("sluice_gpu_utilization_ratio", "Share of time in which a kernel ran.", func(g *GPU) Reading { return g.Utilization }),
	gpuGauge("sluice_gpu_memory_utilization_ratio", "Share of time in which device memory was read or written.", func(g *GPU) Reading { return g.MemoryUtilization }),
	gpuGauge("sluice_gpu_memory_total_bytes", "Size of the device memory.", func(g *GPU) Reading { return g.MemoryTotal }),
	gpuGauge("sluice_gpu_memory_used_bytes", "Device memory in use.", func(g *GPU) Reading { return g.MemoryUsed }),
	gpuGauge("sluice_gpu_memory_free_bytes", "Device memory that is free.", func(g *GPU) Reading { return g.MemoryFree }),
	gpuGauge("sluice_gpu_power_watts", "Power drawn.", func(g *GPU) Reading { return g.Power }),
	gpuGauge("sluice_gpu_power_limit_watts", "Power limit in force.", func(g *GPU) Reading { return g.PowerLimit }),
	gpuCounter("sluice_gpu_energy_joules_total", "Energy used since the server began to watch.", func(g *GPU) Reading { return g.Energy }),
	gpuGauge("sluice_gpu_sm_clock_hertz", "Clock of the multiprocessors.", func(g *GPU) Reading { return g.SMClock }),
	gpuGauge("sluice_gpu_sm_clock_max_hertz", "Highest clock of the multiprocessors.", func(g *GPU) Reading { return g.MaxSMClock }),
	gpuGauge("sluice_gpu_memory_clock_hertz", "Clock of the device memory.", func(g *GPU) Reading { return g.MemoryClock }),
	gpuGauge("sluice_gpu_memory_clock_max_hertz", "Highest clock of the device memory.", func(g *GPU) Reading { return g.MaxMemoryClock }),
	gpuGauge("sluice_gpu_slowdown_ratio", "How many times slower the clock makes the GPU than normal.", func(g *GPU) Reading { return g.Slowdown }),
	gpuGauge("sluice_gpu_temperature_celsius", "Temperature of the chip.", func(g *GPU) Reading { return g.Temperature }),
	gpuGauge("sluice_gpu_processes", "Processes with a compute context.", func(g *GPU) Reading { return g.Processes }),
	gpuGauge("sluice_gpu_sm_active_ratio", "Share of multiprocessors that were busy.", func(g *GPU) Reading { return g.SMActive }),
	gpuGauge("sluice_gpu_sm_occupancy_ratio", "Share of the possible warps that were resident.", func(g *GPU) Reading { return g.SMOccupancy }),
	gpuGauge("sluice_gpu_tensor_active_ratio", "Share of time in which tensor cores ran.", func(g *GPU) Reading { return g.TensorActive }),
	gpuGauge("sluice_gpu_dram_active_ratio", "Share of the memory bandwidth in use.", func(g *GPU) Reading { return g.DRAMActive }),
	gpuGauge("sluice_gpu_pcie_sent_bytes_per_second", "PCIe traffic from the GPU.", func(g *GPU) Reading { return g.PCIeSent }),
	gpuGauge("sluice_gpu_pcie_received_bytes_per_second", "PCIe traffic to the GPU.", func(g *GPU) Reading { return g.PCIeReceived }),

	gpuGauge("nv_gpu_utilization", "GPU utilization rate, 0 to 1.", func(g *GPU) Reading { return g.Utilization }),
	gpuGauge("nv_gpu_memory_total_bytes", "GPU total memory, in bytes.", func(g *GPU) Reading { return g.MemoryTotal }),
	gpuGauge("nv_gpu_memory_used_bytes", "GPU used memory, in bytes.", func(g *GPU) Reading { return g.MemoryUsed }),
	gpuGauge("nv_gpu_power_usage", "GPU power usage in watts.", func(g *GPU) Reading { return g.Power }),
	gpuGauge("nv_gpu_power_limit", "GPU power management limit in watts.", func(g *GPU) Reading { return g.PowerLimit }),
	gpuCounter("nv_energy_consumption", "GPU energy consumption in joules since the server started.", func(g *GPU) Reading { return g.Energy }),
}

func (m *Metrics) collectGPUs(ch chan<- prometheus.Metric) {
	watch := m.gpus.Load()
	if watch == nil {
		return
	}
	sample := (*watch)()
	gauge(ch, descGPUAge, sample.Age.Seconds())
	gauge(ch, descGPUTook, sample.Took.Seconds())
	for i := range sample.GPUs {
		sample.GPUs[i].collect(ch)
	}
}

func (g *GPU) collect(ch chan<- prometheus.Metric) {
	uuid, index := g.UUID, strconv.Itoa(g.Index)
	if uuid == "" {
		uuid = "gpu-" + index // two of them must not share a series
	}
	gauge(ch, descGPUInfo, 1, uuid, index, g.Name, g.PCIBusID, g.Driver)
	gauge(ch, descGPUUp, bit(!g.Lost), uuid)
	for _, series := range gpuSeries {
		if r := series.read(g); r.Known {
			ch <- prometheus.MustNewConstMetric(series.desc, series.kind, r.Value, uuid)
		}
	}
	if g.ECCCorrected.Known {
		counter(ch, descGPUECC, g.ECCCorrected.Value, uuid, "corrected")
	}
	if g.ECCUncorrected.Known {
		counter(ch, descGPUECC, g.ECCUncorrected.Value, uuid, "uncorrected")
	}
	for _, reason := range g.ClockReasons {
		gauge(ch, descGPUReason, bit(reason.Active), uuid, reason.Name)
	}
	for _, x := range g.Xids {
		counter(ch, descGPUXid, float64(x.Count), uuid, strconv.FormatUint(x.Code, 10))
	}
}

func bit(set bool) float64 {
	if set {
		return 1
	}
	return 0
}
