package nvml

import (
	"errors"
	"sync"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a machine with GPUs behind go-nvml's own mock. Its methods may be called
// while a monitor runs.
type machine struct {
	*mock.Interface
	chips []*chip

	mu      sync.Mutex
	init    nvml.Return
	missing map[string]bool // symbols that the library lacks
	events  []nvml.EventData
	waits   []uint32 // how long each wait for events was allowed to last
	counts  struct{ shutdowns, setFrees, gpmAllocs, gpmFrees int }
}

// chip is one GPU and what it says. A call that is not in faults succeeds.
type chip struct {
	*mock.Device
	mu     sync.Mutex
	faults map[string]nvml.Return
	calls  map[string]int

	uuid        string
	sm          uint32 // MHz
	utilization uint32 // percent
	reasons     uint64
	energy      uint64        // mJ
	block       chan struct{} // where set, the call for utilisation hangs on it
	register    uint64
}

func newMachine(gpus int) *machine {
	m := &machine{missing: map[string]bool{}}
	for i := range gpus {
		m.chips = append(m.chips, newChip(i))
	}
	m.Interface = &mock.Interface{
		InitFunc:     func() nvml.Return { return m.init },
		ShutdownFunc: func() nvml.Return { m.count(&m.counts.shutdowns); return nvml.SUCCESS },
		ExtensionsFunc: func() nvml.ExtendedInterface {
			return &mock.ExtendedInterface{LookupSymbolFunc: func(name string) error {
				m.mu.Lock()
				defer m.mu.Unlock()
				if m.missing[name] {
					return errors.New("undefined symbol")
				}
				return nil
			}}
		},
		SystemGetDriverVersionFunc:     func() (string, nvml.Return) { return "570.86.15", nvml.SUCCESS },
		SystemGetNVMLVersionFunc:       func() (string, nvml.Return) { return "12.570.86.15", nvml.SUCCESS },
		SystemGetCudaDriverVersionFunc: func() (int, nvml.Return) { return 12080, nvml.SUCCESS },
		DeviceGetCountFunc:             func() (int, nvml.Return) { return len(m.chips), nvml.SUCCESS },
		DeviceGetHandleByIndexFunc: func(i int) (nvml.Device, nvml.Return) {
			return m.chips[i], m.chips[i].call("handle")
		},
		EventSetCreateFunc: func() (nvml.EventSet, nvml.Return) { return m.eventSet(), nvml.SUCCESS },
		GpmSampleAllocFunc: func() (nvml.GpmSample, nvml.Return) {
			m.count(&m.counts.gpmAllocs)
			return &mock.GpmSample{}, nvml.SUCCESS
		},
		GpmSampleFreeFunc: func(nvml.GpmSample) nvml.Return { m.count(&m.counts.gpmFrees); return nvml.SUCCESS },
		GpmMetricsGetFunc: m.gpmMetrics,
	}
	return m
}

func (m *machine) count(n *int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*n++
}

func (m *machine) eventSet() nvml.EventSet {
	return &mock.EventSet{
		FreeFunc: func() nvml.Return { m.count(&m.counts.setFrees); return nvml.SUCCESS },
		WaitFunc: func(timeout uint32) (nvml.EventData, nvml.Return) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.waits = append(m.waits, timeout)
			if len(m.events) == 0 {
				return nvml.EventData{}, nvml.ERROR_TIMEOUT
			}
			event := m.events[0]
			m.events = m.events[1:]
			return event, nvml.SUCCESS
		},
	}
}

// happen queues events as the driver would.
func (m *machine) happen(events ...nvml.EventData) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, events...)
}

func xidEvent(device nvml.Device, code uint64) nvml.EventData {
	return nvml.EventData{Device: device, EventType: nvml.EventTypeXidCriticalError, EventData: code}
}

// gpmMetrics answers for the first chip's counters: twice the id, in the unit of NVML.
func (m *machine) gpmMetrics(query *nvml.GpmMetricsGetType) nvml.Return {
	c := m.chips[0]
	if ret := c.call("gpmMetrics"); ret != nvml.SUCCESS {
		return ret
	}
	for i := range query.NumMetrics {
		metric := &query.Metrics[i]
		metric.Value = 2 * float64(metric.MetricId)
		metric.NvmlReturn = uint32(c.call("gpm " + string(rune('0'+i))))
	}
	return nvml.SUCCESS
}

// call counts a call and says how it ends.
func (c *chip) call(name string) nvml.Return {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[name]++
	return c.faults[name]
}

// set changes what the chip says.
func (c *chip) set(change func(*chip)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

func (c *chip) fail(name string, ret nvml.Return) {
	c.set(func(c *chip) { c.faults[name] = ret })
}

// failAll makes each call end so, as on a GPU that fell off the bus.
func (c *chip) failAll(ret nvml.Return) {
	for _, q := range quantities {
		c.fail(q.name, ret)
	}
}

func (c *chip) asked(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[name]
}

// says reads one of the chip's values, and how the call ends.
func says[T any](c *chip, name string, value func() T) (T, nvml.Return) {
	ret := c.call(name)
	if ret != nvml.SUCCESS {
		var none T
		return none, ret
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return value(), ret
}

func fixed[T any](value T) func() T { return func() T { return value } }

func newChip(index int) *chip {
	c := &chip{
		faults: map[string]nvml.Return{}, calls: map[string]int{}, uuid: "GPU-" + string(rune('a'+index)),
		sm: 1980, utilization: 80, energy: 5_000_000,
	}
	c.Device = &mock.Device{
		GetUUIDFunc: func() (string, nvml.Return) { return says(c, "uuid", func() string { return c.uuid }) },
		GetNameFunc: func() (string, nvml.Return) { return says(c, "name", fixed("NVIDIA H100 80GB HBM3")) },
		GetPciInfoFunc: func() (nvml.PciInfo, nvml.Return) {
			var pci nvml.PciInfo
			copy(pci.BusId[:], "00000000:65:00.0")
			return says(c, "pci", fixed(pci))
		},
		GetMaxClockInfoFunc: func(kind nvml.ClockType) (uint32, nvml.Return) {
			return says(c, "max clock", fixed(map[nvml.ClockType]uint32{nvml.CLOCK_SM: 1980, nvml.CLOCK_MEM: 2619}[kind]))
		},
		GetUtilizationRatesFunc: func() (nvml.Utilization, nvml.Return) {
			c.mu.Lock()
			block := c.block
			c.mu.Unlock()
			if block != nil {
				<-block
			}
			return says(c, "utilisation", func() nvml.Utilization { return nvml.Utilization{Gpu: c.utilization, Memory: 30} })
		},
		GetMemoryInfoFunc: func() (nvml.Memory, nvml.Return) {
			return says(c, "memory", fixed(nvml.Memory{Total: 80 << 30, Free: 60 << 30, Used: 20 << 30}))
		},
		GetPowerUsageFunc:             func() (uint32, nvml.Return) { return says(c, "power", fixed[uint32](350_500)) },
		GetEnforcedPowerLimitFunc:     func() (uint32, nvml.Return) { return says(c, "power limit", fixed[uint32](700_000)) },
		GetTotalEnergyConsumptionFunc: func() (uint64, nvml.Return) { return says(c, "energy", func() uint64 { return c.energy }) },
		GetClockInfoFunc: func(kind nvml.ClockType) (uint32, nvml.Return) {
			if kind == nvml.CLOCK_MEM {
				return says(c, "memory clock", fixed[uint32](2619))
			}
			return says(c, "SM clock", func() uint32 { return c.sm })
		},
		GetApplicationsClockFunc: func(nvml.ClockType) (uint32, nvml.Return) { return says(c, "application clock", fixed[uint32](1500)) },
		GetTemperatureFunc:       func(nvml.TemperatureSensors) (uint32, nvml.Return) { return says(c, "temperature", fixed[uint32](61)) },
		GetTotalEccErrorsFunc: func(kind nvml.MemoryErrorType, _ nvml.EccCounterType) (uint64, nvml.Return) {
			if kind == nvml.MEMORY_ERROR_TYPE_CORRECTED {
				return says(c, "corrected ECC errors", fixed[uint64](7))
			}
			return says(c, "uncorrected ECC errors", fixed[uint64](1))
		},
		GetComputeRunningProcessesFunc: func() ([]nvml.ProcessInfo, nvml.Return) {
			return says(c, "processes", fixed(make([]nvml.ProcessInfo, 3)))
		},
		GetCurrentClocksEventReasonsFunc: func() (uint64, nvml.Return) {
			return says(c, "clock reasons", func() uint64 { return c.reasons })
		},
		GetCurrentClocksThrottleReasonsFunc: func() (uint64, nvml.Return) {
			return says(c, "old clock reasons", func() uint64 { return c.reasons })
		},
		GetSupportedEventTypesFunc: func() (uint64, nvml.Return) {
			return says(c, "event types", fixed[uint64](nvml.EventTypeXidCriticalError|nvml.EventTypePState))
		},
		RegisterEventsFunc: func(types uint64, _ nvml.EventSet) nvml.Return {
			c.set(func(c *chip) { c.register = types })
			return c.call("register")
		},
		GpmQueryDeviceSupportFunc: func() (nvml.GpmSupport, nvml.Return) {
			return says(c, "gpm support", fixed(nvml.GpmSupport{IsSupportedDevice: 1}))
		},
		GpmSampleGetFunc: func(nvml.GpmSample) nvml.Return { return c.call("gpm sample") },
	}
	return c
}

// start opens a monitor on the machine and closes it with the test.
func (m *machine) start(t *testing.T, o Options) *Monitor {
	t.Helper()
	monitor, err := open(m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := monitor.Close(); err != nil {
			t.Error(err)
		}
	})
	return monitor
}
