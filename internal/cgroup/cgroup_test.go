package cgroup

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestOf(t *testing.T) {
	const (
		v1 = "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		v2 = "30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	)
	f := func(mounts, own, controller string, want ...Group) {
		t.Helper()
		root := fstest.MapFS{"proc/self/mountinfo": {Data: []byte(mounts)}, "proc/self/cgroup": {Data: []byte(own)}}
		if got := Of(root, controller); !slices.Equal(got, want) {
			t.Errorf("%s of %q: %v, want %v", controller, own, got, want)
		}
	}
	f("", "0::/a\n", "cpu")
	f("nonsense\n22 1 0:20 / /proc rw - proc proc rw\n", "0::/a\n", "cpu")
	f(v1, "2:cpu,cpuacct:/a/b\n", "cpu", Group{"/sys/fs/cgroup/cpu,cpuacct/a/b", true}, Group{"/sys/fs/cgroup/cpu,cpuacct/a", true}, Group{"/sys/fs/cgroup/cpu,cpuacct", true})
	f(v1, "2:cpu,cpuacct:/a\n", "memory")
	f(v1+v2, "2:cpu,cpuacct:/\n0::/s\n", "cpu", Group{"/sys/fs/cgroup/cpu,cpuacct", true}, Group{"/sys/fs/cgroup/unified/s", false}, Group{"/sys/fs/cgroup/unified", false})
	f("30 23 0:26 /pod /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", "0::/pod\n", "cpu", Group{"/sys/fs/cgroup", false})
}

func TestRead(t *testing.T) {
	root := fstest.MapFS{"sys/fs/cgroup/a/cpu.max": {Data: []byte("max 100000\n")}}
	g := Group{Dir: "/sys/fs/cgroup/a"}
	if text, ok := g.Read(root, "cpu.max"); text != "max 100000" || !ok {
		t.Errorf("got %q, %v", text, ok)
	}
	if text, ok := g.Read(root, "memory.max"); text != "" || ok {
		t.Errorf("of no file got %q, %v", text, ok)
	}
}
