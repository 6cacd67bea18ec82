package main

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reading is a series over a run.
type reading struct {
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
	Last float64 `json:"last"`
}

// series reads the gateway's metrics: values by series, as `name{labels}`.
func (p *process) series() (map[string]float64, error) {
	text, err := p.tell("/metrics", "text/plain")
	return series(text), err
}

// series reads the text format: one sample a line, comments and times left out.
func series(text []byte) map[string]float64 {
	out := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		end := strings.LastIndexByte(line, '}') + 1
		if end == 0 {
			end = strings.IndexByte(line, ' ')
		}
		if end <= 0 || line[0] == '#' {
			continue
		}
		if fields := strings.Fields(line[end:]); len(fields) > 0 {
			if v, err := strconv.ParseFloat(fields[0], 64); err == nil {
				out[line[:end]] = v
			}
		}
	}
	return out
}

// ofGPU tells the series that come from the driver.
func ofGPU(name string) bool {
	for _, prefix := range []string{"sluice_gpu_", "nv_gpu_", "nv_energy_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// label is the value of a label of a series.
func label(name, key string) string {
	_, rest, found := strings.Cut(name, key+`="`)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

const rowsSeries = "sluice_batch_size_rows_sum"

// watched makes a run, and reads the metrics before, after, and each second meanwhile.
func (c *gpuCheck) watched(gateway *process, out *loadResult, run func() (openResult, error)) (openResult, error) {
	before, err := gateway.series()
	if err != nil {
		return openResult{}, err
	}
	stop, done := make(chan struct{}), make(chan []map[string]float64)
	go func() {
		var samples []map[string]float64
		tick := time.NewTicker(pick(c.bench, time.Second, 500*time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-stop:
				done <- samples
				return
			case <-tick.C:
				if s, err := gateway.series(); err == nil {
					samples = append(samples, s)
				}
			}
		}
	}()
	r, err := run()
	close(stop)
	samples := <-done
	if err != nil {
		return r, err
	}
	after, err := gateway.series()
	if err != nil {
		return r, err
	}
	out.Rows = map[string]float64{}
	for name, v := range after {
		if strings.HasPrefix(name, rowsSeries+"{") {
			out.Rows[label(name, "device")] += v - before[name]
		}
	}
	out.GPU = readings(samples)
	return r, nil
}

// readings sums up the driver's series over samples.
func readings(samples []map[string]float64) map[string]reading {
	out := map[string]reading{}
	count := map[string]float64{}
	for _, s := range samples {
		for name, v := range s {
			if !ofGPU(name) {
				continue
			}
			r, seen := out[name]
			if !seen {
				r.Max = v
			}
			count[name]++
			r.Mean += (v - r.Mean) / count[name]
			r.Max, r.Last = max(r.Max, v), v
			out[name] = r
		}
	}
	return out
}

// shown are the series that the report names; a load must have moved the first one.
var shown = []struct{ name, unit string }{
	{"sluice_gpu_utilization_ratio", ""},
	{"sluice_gpu_sm_active_ratio", ""},
	{"sluice_gpu_tensor_active_ratio", ""},
	{"sluice_gpu_dram_active_ratio", ""},
	{"sluice_gpu_memory_used_bytes", "B"},
	{"sluice_gpu_power_watts", "W"},
	{"sluice_gpu_sm_clock_hertz", "Hz"},
	{"sluice_gpu_temperature_celsius", "°C"},
	{"sluice_gpu_slowdown_ratio", ""},
	{"nv_gpu_utilization", ""},
	{"nv_gpu_power_usage", "W"},
}

// nvml says what the driver reported during the load.
func (c *gpuCheck) nvml() (any, error) {
	var loads map[string]*loadResult
	if !c.data("load", &loads) || len(loads) == 0 {
		return nil, fmt.Errorf("there was no load to watch")
	}
	nvidia := strings.HasPrefix(c.device, "cuda") || strings.HasPrefix(c.device, "tensorrt")
	for _, model := range slices.Sorted(maps.Keys(loads)) {
		gpu := loads[model].GPU
		if len(gpu) == 0 {
			// A device that is not NVIDIA's has no such driver.
			outcome := skipped
			if nvidia {
				outcome = failed
			}
			c.find(model, outcome, "the metrics name no GPU")
			continue
		}
		var parts []string
		for _, s := range shown {
			for _, name := range named(gpu, s.name) {
				parts = append(parts, fmt.Sprintf("%s %.4g%s", strings.TrimPrefix(s.name, "sluice_gpu_"), gpu[name].Max, s.unit))
			}
		}
		busy := false
		for _, name := range append(named(gpu, "sluice_gpu_utilization_ratio"), named(gpu, "nv_gpu_utilization")...) {
			busy = busy || gpu[name].Max > 0
		}
		c.judge(busy || !nvidia, model, "%d series; at most %s", len(gpu), strings.Join(parts, ", "))
	}
	return nil, nil
}

// named are the series of a name, in order.
func named(gpu map[string]reading, name string) []string {
	var found []string
	for series := range gpu {
		if series == name || strings.HasPrefix(series, name+"{") {
			found = append(found, series)
		}
	}
	slices.Sort(found)
	return found
}
