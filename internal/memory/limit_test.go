package memory

import (
	"testing"
	"testing/fstest"
)

func TestLimit(t *testing.T) {
	const (
		mountV1 = "32 31 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
		mountV2 = "30 23 0:26 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
		machine = "MemTotal:        8388608 kB\nMemFree: 1 kB\n"
		mebi    = 1 << 20
	)
	for _, c := range []struct {
		name, mounts, own string
		files             map[string]string
		want              int64
		source            string
	}{
		{"no groups", "", "", nil, 8192 * mebi, "the machine's memory"},
		{"v1, no limit", mountV1, "4:memory:/\n", map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 8192 * mebi, "the machine's memory"},
		{
			"v1, own", mountV1, "4:memory:/a/b\n",
			map[string]string{"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "536870912\n"},
			512 * mebi, "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
		},
		{
			"v1, the parent's is smaller", mountV1, "4:cpu,memory:/a/b\n",
			map[string]string{"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "536870912\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "268435456\n"},
			256 * mebi, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
		},
		{
			"v1, a parent that cannot be seen", "32 31 0:29 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", "4:memory:/docker/x\n",
			map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n", "sys/fs/cgroup/memory/memory.stat": "cache 1\nhierarchical_memory_limit 134217728\n"},
			128 * mebi, "/sys/fs/cgroup/memory/memory.stat",
		},
		{
			"v2, max", mountV2, "0::/system.slice/sluice.service\n",
			map[string]string{"sys/fs/cgroup/system.slice/sluice.service/memory.max": "max\n", "sys/fs/cgroup/system.slice/memory.max": "2147483648\n"},
			2048 * mebi, "/sys/fs/cgroup/system.slice/memory.max",
		},
		{
			"v2, high is smaller", mountV2, "0::/a\n",
			map[string]string{"sys/fs/cgroup/a/memory.max": "2147483648\n", "sys/fs/cgroup/a/memory.high": "1073741824\n"},
			1024 * mebi, "/sys/fs/cgroup/a/memory.high",
		},
		{
			"v2, in a namespace of its own", mountV2, "0::/\n",
			map[string]string{"sys/fs/cgroup/memory.max": "1073741824\n"},
			1024 * mebi, "/sys/fs/cgroup/memory.max",
		},
		{
			"v2, outside of the namespace", mountV2, "0::/../other\n",
			map[string]string{"sys/fs/cgroup/memory.max": "1073741824\n"},
			1024 * mebi, "/sys/fs/cgroup/memory.max",
		},
		{
			"both, v1 has the controller", mountV1 + mountV2, "4:memory:/a\n0::/\n",
			map[string]string{"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "268435456\n"},
			256 * mebi, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
		},
		{"no number", mountV2, "0::/\n", map[string]string{"sys/fs/cgroup/memory.max": "lots\n"}, 8192 * mebi, "the machine's memory"},
	} {
		root := fstest.MapFS{
			"proc/meminfo":        {Data: []byte(machine)},
			"proc/self/mountinfo": {Data: []byte("22 1 0:20 / /proc rw - proc proc rw\n" + c.mounts)},
			"proc/self/cgroup":    {Data: []byte(c.own)},
		}
		for name, text := range c.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		got, err := LimitIn(root)
		if err != nil || got.Bytes != c.want || got.Source != c.source {
			t.Errorf("%s: got %+v, %v; want %d from %s", c.name, got, err, c.want, c.source)
		}
	}
	if got, err := LimitIn(fstest.MapFS{}); err == nil {
		t.Errorf("a system that tells nothing: got %+v", got)
	}
	if got, err := Limit(); err != nil || got.Bytes < 16*mebi {
		t.Errorf("here: %+v, %v", got, err)
	}
}
