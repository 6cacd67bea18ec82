package watch

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"sluice/internal/cgroup"
	"sluice/internal/memory"
	"sluice/loadtest/result"
)

// Environment describes the machine and the tool, whose version the caller gives. What cannot
// be found out is left zero. SameHost is the caller's to fill in, see there.
func Environment(version string) result.Env { return environment("/", version) }

func environment(f files, version string) result.Env {
	e := result.Env{Tool: version, Cores: runtime.NumCPU(), Kernel: f.line("proc/sys/kernel/osrelease")}
	if proc, err := f.proc(); err == nil {
		if cores, err := proc.CPUInfo(); err == nil && len(cores) > 0 {
			e.CPU = cores[0].ModelName
		}
	}
	if e.CPU == "" {
		e.CPU = runtime.GOARCH
	}
	e.Governor = f.line("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	e.CPULimit, e.MemoryLimit = f.limits()
	return e
}

// limits are the lowest CPU limit, in cores, and memory limit, in bytes, of the control groups
// that this process is in and those above them; 0 where there is none.
func (f files) limits() (cores float64, bytes int64) {
	root := os.DirFS(string(f))
	for _, g := range cgroup.Of(root, "cpu") {
		text, _ := g.Read(root, "cpu.max") // "quota period", in which the quota may be max
		limit, period, _ := strings.Cut(text, " ")
		if g.V1 {
			limit, _ = g.Read(root, "cpu.cfs_quota_us")
			period, _ = g.Read(root, "cpu.cfs_period_us")
		}
		if n := quota(limit, period); cores == 0 || n > 0 && n < cores {
			cores = n
		}
	}
	if c, err := memory.LimitIn(root); err == nil && c.Source != memory.Machine {
		bytes = c.Bytes
	}
	return cores, bytes
}

func quota(limit, period string) float64 {
	l, err := strconv.ParseFloat(limit, 64)
	p, bad := strconv.ParseFloat(period, 64)
	if err != nil || bad != nil || !(l > 0) || !(p > 0) || math.IsInf(l/p, 0) {
		return 0
	}
	return l / p
}
