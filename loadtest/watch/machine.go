package watch

import (
	"math"
	"path"
	"runtime"
	"strconv"
	"strings"

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
func (f files) limits() (cores float64, memory int64) {
	text, err := f.read("proc/self/cgroup")
	if err != nil {
		return 0, 0
	}
	// One line for each hierarchy: number:controllers:path. Version 2 has number 0 and names none.
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 {
			continue
		}
		controllers, group := strings.Split(parts[1], ","), path.Clean("/"+parts[2])
		if parts[0] == "0" && parts[1] == "" {
			for _, mount := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
				above(group, func(g string) {
					cores = lower(cores, cpuMax(f.line(mount+g+"/cpu.max")))
					memory = lower(memory, bytesLimit(f.line(mount+g+"/memory.max")))
				})
			}
			continue
		}
		for _, c := range controllers {
			// Hierarchies are mounted under all of their controllers' names together or under one.
			for _, mount := range []string{"sys/fs/cgroup/" + parts[1], "sys/fs/cgroup/" + c} {
				above(group, func(g string) {
					switch c {
					case "cpu":
						cores = lower(cores, quota(f.line(mount+g+"/cpu.cfs_quota_us"), f.line(mount+g+"/cpu.cfs_period_us")))
					case "memory":
						memory = lower(memory, bytesLimit(f.line(mount+g+"/memory.limit_in_bytes")))
					}
				})
			}
		}
	}
	return cores, memory
}

// above visits a group and all above it. In a container the path may be that of the host, of
// which only the root is to be seen.
func above(group string, visit func(string)) {
	for group != "/" && group != "." {
		visit(group)
		group = path.Dir(group)
	}
	visit("")
}

// lower is the lower of two limits, of which 0 is none.
func lower[T float64 | int64](a, b T) T {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// cpuMax reads version 2's "quota period", in which the quota may be max.
func cpuMax(text string) float64 {
	limit, period, _ := strings.Cut(text, " ")
	return quota(limit, period)
}

func quota(limit, period string) float64 {
	l, err := strconv.ParseFloat(limit, 64)
	p, bad := strconv.ParseFloat(period, 64)
	if err != nil || bad != nil || !(l > 0) || !(p > 0) || math.IsInf(l/p, 0) {
		return 0
	}
	return l / p
}

// bytesLimit reads a limit in bytes; version 1 writes a number near the largest for none.
func bytesLimit(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n >= 1<<60 {
		return 0
	}
	return n
}
