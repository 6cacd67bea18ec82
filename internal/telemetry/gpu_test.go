package telemetry

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

func known(v float64) Reading { return Reading{Value: v, Known: true} }

// twoGPUs are one that tells everything and one that tells nothing.
func twoGPUs() GPUSample {
	return GPUSample{Age: 250 * time.Millisecond, Took: 3 * time.Millisecond, GPUs: []GPU{
		{
			Index: 0, UUID: "GPU-4a7c", Name: "NVIDIA H100 80GB HBM3", PCIBusID: "00000000:65:00.0", Driver: "570.86.15",
			GPUReadings: GPUReadings{
				Utilization: known(0.85), MemoryUtilization: known(0.25), MemoryUsed: known(20e9), MemoryFree: known(65_520_809_984),
				Power: known(350.5), PowerLimit: known(700), Energy: known(1_234_567_890.5),
				SMClock: known(1755e6), MemoryClock: known(2619e6),
				Temperature: known(61), ECCCorrected: known(7), ECCUncorrected: known(1), Processes: known(3),
				SMActive: known(0.5), SMOccupancy: known(0.125), TensorActive: known(0.375), DRAMActive: known(0.625),
				PCIeSent: known(1 << 20), PCIeReceived: known(1 << 21),
			},
			MemoryTotal: known(85_520_809_984), MaxSMClock: known(1980e6), MaxMemoryClock: known(2620e6), Slowdown: known(1.128),
			ClockReasons: []ClockReason{{Name: "gpu_idle"}, {Name: "sw_power_cap", Active: true}},
			Xids:         []XidCount{{Code: 31, Count: 2}, {Code: 79, Count: 1}},
		},
		{Index: 1, Lost: true},
	}}
}

// TestEachReadingHasItsSeries knows one reading at a time and wants its value, and no
// other reading's, in the series that belong to it.
func TestEachReadingHasItsSeries(t *testing.T) {
	want := map[string][]string{
		"Utilization":       {"sluice_gpu_utilization_ratio", "nv_gpu_utilization"},
		"MemoryUtilization": {"sluice_gpu_memory_utilization_ratio"},
		"MemoryTotal":       {"sluice_gpu_memory_total_bytes", "nv_gpu_memory_total_bytes"},
		"MemoryUsed":        {"sluice_gpu_memory_used_bytes", "nv_gpu_memory_used_bytes"},
		"MemoryFree":        {"sluice_gpu_memory_free_bytes"},
		"Power":             {"sluice_gpu_power_watts", "nv_gpu_power_usage"},
		"PowerLimit":        {"sluice_gpu_power_limit_watts", "nv_gpu_power_limit"},
		"Energy":            {"sluice_gpu_energy_joules_total", "nv_energy_consumption"},
		"SMClock":           {"sluice_gpu_sm_clock_hertz"},
		"MaxSMClock":        {"sluice_gpu_sm_clock_max_hertz"},
		"MemoryClock":       {"sluice_gpu_memory_clock_hertz"},
		"MaxMemoryClock":    {"sluice_gpu_memory_clock_max_hertz"},
		"Temperature":       {"sluice_gpu_temperature_celsius"},
		"ECCCorrected":      {`sluice_gpu_ecc_errors_total kind="corrected"`},
		"ECCUncorrected":    {`sluice_gpu_ecc_errors_total kind="uncorrected"`},
		"Processes":         {"sluice_gpu_processes"},
		"SMActive":          {"sluice_gpu_sm_active_ratio"},
		"SMOccupancy":       {"sluice_gpu_sm_occupancy_ratio"},
		"TensorActive":      {"sluice_gpu_tensor_active_ratio"},
		"DRAMActive":        {"sluice_gpu_dram_active_ratio"},
		"PCIeSent":          {"sluice_gpu_pcie_sent_bytes_per_second"},
		"PCIeReceived":      {"sluice_gpu_pcie_received_bytes_per_second"},
		"Slowdown":          {"sluice_gpu_slowdown_ratio"},
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[GPU]()) {
		if field.Type != reflect.TypeFor[Reading]() {
			continue
		}
		name := field.Name
		gpu := GPU{UUID: "GPU-x"}
		reflect.ValueOf(&gpu).Elem().FieldByIndex(field.Index).Set(reflect.ValueOf(known(0.75)))
		if got := gpuSeriesNames(t, gpu, 0.75); !reflect.DeepEqual(got, toSet(want[name])) {
			t.Errorf("%s alone is in %v, want %v", name, got, want[name])
		}
	}
}

func toSet(names []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// gpuSeriesNames are the GPU series of a value beyond those that each GPU has.
func gpuSeriesNames(t *testing.T, gpu GPU, value float64) map[string]bool {
	t.Helper()
	metrics := New("test")
	metrics.WatchGPUs(func() GPUSample { return GPUSample{GPUs: []GPU{gpu}} })
	families, err := metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, family := range families {
		name := family.GetName()
		if !strings.Contains(name, "gpu") && name != "nv_energy_consumption" || name == "sluice_gpu_up" || name == "sluice_gpu_info" || strings.HasPrefix(name, "sluice_gpu_sample_") {
			continue
		}
		for _, metric := range family.GetMetric() {
			if got := metric.GetGauge().GetValue() + metric.GetCounter().GetValue(); got != value {
				t.Errorf("%s is %v", name, got)
			}
			found[name+extraLabels(metric)] = true
		}
	}
	return found
}

func extraLabels(metric *dto.Metric) string {
	var out string
	for _, label := range metric.GetLabel() {
		if label.GetName() != "gpu_uuid" {
			out += " " + label.GetName() + `="` + label.GetValue() + `"`
		}
	}
	return out
}

// TestGPUsAsLoadTestersRead uses the expression that perf_analyzer has for GPU gauges.
func TestGPUsAsLoadTestersRead(t *testing.T) {
	metrics := New("test")
	metrics.WatchGPUs(twoGPUs)
	text := ownText(t, metrics)
	f := func(name, value string) {
		t.Helper()
		line := regexp.MustCompile(`\n` + name + `\{gpu_uuid="([^"]+)"\} (\d+\.?\d*)`)
		got := line.FindAllStringSubmatch(text, -1)
		if len(got) != 1 || got[0][1] != "GPU-4a7c" || got[0][2] != value || !strings.Contains(text, got[0][0]+"\n") {
			t.Errorf("%s is read as %q, want one of %s in\n%s", name, got, value, text)
		}
	}
	f("nv_gpu_utilization", "0.85")
	f("nv_gpu_memory_total_bytes", "85520809984")
	f("nv_gpu_memory_used_bytes", "20000000000")
	f("nv_gpu_power_usage", "350.5")
	f("nv_gpu_power_limit", "700")
	f("nv_energy_consumption", "1234567890.5")
}

func TestGPUsComeAndGo(t *testing.T) {
	metrics := New("test")
	gpus := func() int { return strings.Count(ownText(t, metrics), "gpu") }
	if n := gpus(); n != 0 {
		t.Errorf("%d words of GPUs before any is watched", n)
	}
	metrics.WatchGPUs(func() GPUSample { return GPUSample{GPUs: []GPU{{Index: 0}, {Index: 2, Lost: true}}} })
	text := ownText(t, metrics)
	for _, want := range []string{`sluice_gpu_up{gpu_uuid="gpu-0"} 1`, `sluice_gpu_up{gpu_uuid="gpu-2"} 0`} { // neither knows its UUID
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	metrics.WatchGPUs(nil)
	if n := gpus(); n != 0 {
		t.Errorf("%d words of GPUs after none is watched", n)
	}
}
