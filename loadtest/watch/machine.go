package watch

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"

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

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every architecture that Go runs on.
const tick = 10 * time.Millisecond

// files are the pseudo-files below a root, which is "/" but in tests.
type files string

func (f files) path(name string) string { return filepath.Join(string(f), name) }

func (f files) read(name string) ([]byte, error) { return os.ReadFile(f.path(name)) }

// line is the text of a file of one line, empty if it cannot be read.
func (f files) line(name string) string {
	text, err := f.read(name)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// proc is what tells of processes.
func (f files) proc() (procfs.FS, error) { return procfs.NewFS(f.path("proc")) }

// statOf is a process as it is now.
func statOf(proc procfs.FS, pid int) (procfs.ProcStat, error) {
	p, err := proc.Proc(pid)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	return p.Stat()
}

// gone tells a process that has ended from one that may not be looked at.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
