package nvml

import (
	"bytes"
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Driver is the software that runs the GPUs; "" is what the library did not tell.
type Driver struct {
	Version string // of the kernel driver: "570.86.15"
	CUDA    string // newest CUDA that the driver serves: "12.8"
	Library string // NVML's own version
}

// GPU is what does not change of one, as the library numbers them: by PCI address, which
// is CUDA's numbering only with CUDA_DEVICE_ORDER=PCI_BUS_ID. Join on UUID or PCIBusID.
type GPU struct {
	Index    int
	UUID     string
	Name     string
	PCIBusID string // "00000000:65:00.0"
	// Memory is the size of the device memory in bytes.
	Memory Reading
	// MaxSMClock and MaxMemoryClock are in hertz.
	MaxSMClock, MaxMemoryClock Reading
	// XidEvents tells whether OnXid hears of this GPU.
	XidEvents bool
	// Fault says in a sentence why this GPU cannot be watched; "" where it can.
	Fault string
}

// watched is a GPU and what sampling keeps of it; it belongs to the sampling goroutine.
type watched struct {
	gpu        *GPU
	device     nvml.Device // nil where there is no handle
	quantities []quantity  // those that may still be asked for
	gpm        gpm
	throttle   throttle
	// energyBase is the energy counter of the first sample.
	energyBase Reading
	lost       bool
}

// find lists the GPUs and decides what can be asked of each.
func (m *Monitor) find() error {
	m.driver = readDriver(m.lib)
	count, ret := m.lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return fmt.Errorf("cannot count GPUs: %w", ret)
	}
	if count == 0 {
		return fmt.Errorf("%w: the driver sees no GPU", ErrAbsent)
	}
	symbols := m.lib.Extensions()
	has := func(symbol string) bool { return symbols.LookupSymbol(symbol) == nil }
	m.gpus = make([]GPU, count)
	for i := range m.gpus {
		w := &watched{gpu: &m.gpus[i]}
		m.watched = append(m.watched, w)
		*w.gpu = GPU{Index: i}
		device, ret := m.lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			w.gpu.Fault = fmt.Sprintf("cannot open GPU %d: %v", i, ret)
			w.lost = ret == nvml.ERROR_GPU_IS_LOST
			continue
		}
		w.device = device
		w.gpu.identify(device)
		w.throttle.maxClock = w.gpu.MaxSMClock
		w.quantities = supported(has)
		w.gpm = newGPM(m.lib, device, has)
	}
	return nil
}

func readDriver(lib nvml.Interface) Driver {
	var d Driver
	if version, ret := lib.SystemGetDriverVersion(); ret == nvml.SUCCESS {
		d.Version = version
	}
	if version, ret := lib.SystemGetNVMLVersion(); ret == nvml.SUCCESS {
		d.Library = version
	}
	// 1000 times the major version and 10 times the minor one.
	if version, ret := lib.SystemGetCudaDriverVersion(); ret == nvml.SUCCESS {
		d.CUDA = fmt.Sprintf("%d.%d", version/1000, version%1000/10)
	}
	return d
}

func (g *GPU) identify(device nvml.Device) {
	if uuid, ret := device.GetUUID(); ret == nvml.SUCCESS {
		g.UUID = uuid
	}
	if name, ret := device.GetName(); ret == nvml.SUCCESS {
		g.Name = name
	}
	if pci, ret := device.GetPciInfo(); ret == nvml.SUCCESS {
		id, _, _ := bytes.Cut(pci.BusId[:], []byte{0})
		g.PCIBusID = string(id)
	}
	memory, ret := device.GetMemoryInfo()
	g.Memory = reading(ret, float64(memory.Total))
	sm, ret := device.GetMaxClockInfo(nvml.CLOCK_SM)
	g.MaxSMClock = reading(ret, megahertz(sm))
	mem, ret := device.GetMaxClockInfo(nvml.CLOCK_MEM)
	g.MaxMemoryClock = reading(ret, megahertz(mem))
}

func megahertz(mhz uint32) float64 { return float64(mhz) * 1e6 }
