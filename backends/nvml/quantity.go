package nvml

import "github.com/NVIDIA/go-nvml/pkg/nvml"

// quantity is one call of the library, and the readings that it gives.
type quantity struct {
	name   string
	symbol string // without it in the library the quantity must not be asked for
	read   func(nvml.Device, *State) nvml.Return
}

// supported are the quantities that the loaded library has calls for.
func supported(has func(symbol string) bool) []quantity {
	var found []quantity
	for _, q := range quantities {
		if has(q.symbol) {
			found = append(found, q)
		}
	}
	// The reasons' call got a new name in driver 535; the old one is still there, and alone
	// in older drivers.
	switch {
	case has("nvmlDeviceGetCurrentClocksEventReasons"):
		found = append(found, clockReasons(nvml.Device.GetCurrentClocksEventReasons))
	case has("nvmlDeviceGetCurrentClocksThrottleReasons"):
		found = append(found, clockReasons(nvml.Device.GetCurrentClocksThrottleReasons))
	}
	return found
}

func clockReasons(get func(nvml.Device) (uint64, nvml.Return)) quantity {
	return quantity{name: "clock reasons", read: func(d nvml.Device, s *State) nvml.Return {
		reasons, ret := get(d)
		if ret == nvml.SUCCESS {
			s.Reasons, s.ReasonsKnown = Reasons(reasons), true
		}
		return ret
	}}
}

// PCIe throughput is left out on purpose: its call measures for 20 ms and returns only
// then. Chips with GPM give it at no such price.
var quantities = []quantity{
	{"utilisation", "nvmlDeviceGetUtilizationRates", func(d nvml.Device, s *State) nvml.Return {
		u, ret := d.GetUtilizationRates()
		s.Utilization = reading(ret, float64(u.Gpu)/100)
		s.MemoryUtilization = reading(ret, float64(u.Memory)/100)
		return ret
	}},
	{"memory", "nvmlDeviceGetMemoryInfo", func(d nvml.Device, s *State) nvml.Return {
		m, ret := d.GetMemoryInfo()
		s.MemoryUsed = reading(ret, float64(m.Used))
		s.MemoryFree = reading(ret, float64(m.Free))
		return ret
	}},
	milli("power", "nvmlDeviceGetPowerUsage", nvml.Device.GetPowerUsage, func(s *State) *Reading { return &s.Power }),
	milli("power limit", "nvmlDeviceGetEnforcedPowerLimit", nvml.Device.GetEnforcedPowerLimit, func(s *State) *Reading { return &s.PowerLimit }),
	milli("energy", "nvmlDeviceGetTotalEnergyConsumption", nvml.Device.GetTotalEnergyConsumption, func(s *State) *Reading { return &s.Energy }),
	clock("SM clock", "nvmlDeviceGetClockInfo", nvml.Device.GetClockInfo, nvml.CLOCK_SM, func(s *State) *Reading { return &s.SMClock }),
	clock("memory clock", "nvmlDeviceGetClockInfo", nvml.Device.GetClockInfo, nvml.CLOCK_MEM, func(s *State) *Reading { return &s.MemoryClock }),
	clock("application clock", "nvmlDeviceGetApplicationsClock", nvml.Device.GetApplicationsClock, nvml.CLOCK_SM, func(s *State) *Reading { return &s.applicationClock }),
	{"temperature", "nvmlDeviceGetTemperature", func(d nvml.Device, s *State) nvml.Return {
		celsius, ret := d.GetTemperature(nvml.TEMPERATURE_GPU)
		s.Temperature = reading(ret, float64(celsius))
		return ret
	}},
	ecc("corrected", nvml.MEMORY_ERROR_TYPE_CORRECTED, func(s *State) *Reading { return &s.ECCCorrected }),
	ecc("uncorrected", nvml.MEMORY_ERROR_TYPE_UNCORRECTED, func(s *State) *Reading { return &s.ECCUncorrected }),
	{"processes", "nvmlDeviceGetComputeRunningProcesses", func(d nvml.Device, s *State) nvml.Return {
		all, ret := d.GetComputeRunningProcesses()
		s.Processes = reading(ret, float64(len(all)))
		return ret
	}},
}

// milli is a quantity that the library gives in thousandths of its base unit.
func milli[N uint32 | uint64](name, symbol string, get func(nvml.Device) (N, nvml.Return), into func(*State) *Reading) quantity {
	return quantity{name, symbol, func(d nvml.Device, s *State) nvml.Return {
		n, ret := get(d)
		*into(s) = reading(ret, float64(n)/1e3)
		return ret
	}}
}

func clock(name, symbol string, get func(nvml.Device, nvml.ClockType) (uint32, nvml.Return), of nvml.ClockType, into func(*State) *Reading) quantity {
	return quantity{name, symbol, func(d nvml.Device, s *State) nvml.Return {
		mhz, ret := get(d, of)
		*into(s) = reading(ret, megahertz(mhz))
		return ret
	}}
}

func ecc(name string, kind nvml.MemoryErrorType, into func(*State) *Reading) quantity {
	return quantity{name + " ECC errors", "nvmlDeviceGetTotalEccErrors", func(d nvml.Device, s *State) nvml.Return {
		n, ret := d.GetTotalEccErrors(kind, nvml.VOLATILE_ECC)
		*into(s) = reading(ret, float64(n))
		return ret
	}}
}
