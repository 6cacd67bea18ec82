package watch

import (
	"runtime"
	"testing"

	"sluice/loadtest/result"
)

func TestEnvironment(t *testing.T) {
	const mounts = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n" +
		"32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	f := func(name string, write map[string]string, want result.Env) {
		t.Helper()
		m := newMachine(t)
		m.write("proc/meminfo", "MemTotal:        8388608 kB\n")
		m.write("proc/self/mountinfo", mounts)
		for path, text := range write {
			m.write(path, text)
		}
		want.Tool, want.Cores = "v9", runtime.NumCPU()
		if want.CPU == "" {
			want.CPU = runtime.GOARCH
		}
		if got := environment(m.root, "v9"); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	f("nothing", nil, result.Env{})
	f("no limits", map[string]string{
		"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\n\nprocessor\t: 1\nmodel name\t: other\n", "proc/sys/kernel/osrelease": "6.1\n",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
		"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n", "sys/fs/cgroup/a/b/memory.max": "max\n",
	}, result.Env{CPU: "Fast CPU @ 3 GHz", Governor: "performance", Kernel: "6.1"})
	f("version 2, the lower of two", map[string]string{
		"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
		"sys/fs/cgroup/a/memory.max": "1073741824\n",
	}, result.Env{CPULimit: 1.5, MemoryLimit: 1 << 30})
	f("version 2, in a container", map[string]string{
		"proc/self/cgroup": "0::/kubepods/pod1\n", "proc/self/mountinfo": "30 23 0:26 /kubepods/pod1 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", "sys/fs/cgroup/cpu.max": "50000 100000\n", "sys/fs/cgroup/memory.max": "1024\n",
	}, result.Env{CPULimit: 0.5, MemoryLimit: 1024})
	f("version 1", map[string]string{
		"proc/self/cgroup": "4:memory:/m\n2:cpu,cpuacct:/c\n0::/\n",
		"sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us":  "200000\n",
		"sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us": "100000\n",
		"sys/fs/cgroup/memory/m/memory.limit_in_bytes":  "2048\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":    "9223372036854771712\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":    "-1\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us":   "100000\n",
	}, result.Env{CPULimit: 2, MemoryLimit: 2048})
	f("nonsense", map[string]string{
		"proc/self/cgroup": "0\nx:y\n0::/../..\n", "sys/fs/cgroup/cpu.max": "1 0\n", "sys/fs/cgroup/memory.max": "-5\n",
	}, result.Env{})
}

func TestThisEnvironment(t *testing.T) {
	e := Environment("v9")
	if e.CPU == "" || e.Cores < 1 || e.Tool != "v9" || runtime.GOOS == "linux" && e.Kernel == "" {
		t.Errorf("%+v", e)
	}
}
