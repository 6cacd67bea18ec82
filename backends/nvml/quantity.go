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
	{"power", "nvmlDeviceGetPowerUsage", func(d nvml.Device, s *State) nvml.Return {
		milliwatts, ret := d.GetPowerUsage()
		s.Power = reading(ret, float64(milliwatts)/1e3)
		return ret
	}},
	{"power limit", "nvmlDeviceGetEnforcedPowerLimit", func(d nvml.Device, s *State) nvml.Return {
		milliwatts, ret := d.GetEnforcedPowerLimit()
		s.PowerLimit = reading(ret, float64(milliwatts)/1e3)
		return ret
	}},
	{"energy", "nvmlDeviceGetTotalEnergyConsumption", func(d nvml.Device, s *State) nvml.Return {
		millijoules, ret := d.GetTotalEnergyConsumption()
		s.Energy = reading(ret, float64(millijoules)/1e3)
		return ret
	}},
	{"SM clock", "nvmlDeviceGetClockInfo", func(d nvml.Device, s *State) nvml.Return {
		mhz, ret := d.GetClockInfo(nvml.CLOCK_SM)
		s.SMClock = reading(ret, megahertz(mhz))
		return ret
	}},
	{"memory clock", "nvmlDeviceGetClockInfo", func(d nvml.Device, s *State) nvml.Return {
		mhz, ret := d.GetClockInfo(nvml.CLOCK_MEM)
		s.MemoryClock = reading(ret, megahertz(mhz))
		return ret
	}},
	{"application clock", "nvmlDeviceGetApplicationsClock", func(d nvml.Device, s *State) nvml.Return {
		mhz, ret := d.GetApplicationsClock(nvml.CLOCK_SM)
		s.applicationClock = reading(ret, megahertz(mhz))
		return ret
	}},
	{"temperature", "nvmlDeviceGetTemperature", func(d nvml.Device, s *State) nvml.Return {
		celsius, ret := d.GetTemperature(nvml.TEMPERATURE_GPU)
		s.Temperature = reading(ret, float64(celsius))
		return ret
	}},
	{"corrected ECC errors", "nvmlDeviceGetTotalEccErrors", func(d nvml.Device, s *State) nvml.Return {
		n, ret := d.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.VOLATILE_ECC)
		s.ECCCorrected = reading(ret, float64(n))
		return ret
	}},
	{"uncorrected ECC errors", "nvmlDeviceGetTotalEccErrors", func(d nvml.Device, s *State) nvml.Return {
		n, ret := d.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC)
		s.ECCUncorrected = reading(ret, float64(n))
		return ret
	}},
	{"processes", "nvmlDeviceGetComputeRunningProcesses", func(d nvml.Device, s *State) nvml.Return {
		all, ret := d.GetComputeRunningProcesses()
		s.Processes = reading(ret, float64(len(all)))
		return ret
	}},
}
