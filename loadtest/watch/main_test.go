package watch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"go.uber.org/goleak"
)

// burnFor bounds the life of a child that uses the processor.
const burnFor = 20 * time.Second

// TestMain is also the child of TestRealProcesses: it burns, and has a child of its own that does.
func TestMain(m *testing.M) {
	if depth, err := strconv.Atoi(os.Getenv("WATCH_TEST_BURN")); err == nil {
		burn(depth)
		return
	}
	goleak.VerifyTestMain(m)
}

func burn(depth int) {
	begin, parent := time.Now(), os.Getppid()
	if depth > 1 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), fmt.Sprint("WATCH_TEST_BURN=", depth-1))
		if err := child.Start(); err != nil {
			panic(err)
		}
	}
	for time.Since(begin) < burnFor && os.Getppid() == parent {
	}
}

// machine is a fixture of the pseudo-files, written below a folder.
type machine struct {
	t    testing.TB
	root files
}

func newMachine(t testing.TB) machine { return machine{t, files(t.TempDir())} }

// proc is what the fixture tells of processes.
func (m machine) proc() procfs.FS {
	m.t.Helper()
	proc, err := m.root.proc()
	if err != nil {
		m.t.Fatal(err)
	}
	return proc
}

func procPath(pid int, name string) string { return "proc/" + strconv.Itoa(pid) + "/" + name }

func (m machine) write(name, text string) {
	m.t.Helper()
	path := m.root.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// fakeProcess is a process of one thread.
type fakeProcess struct {
	pid, parent int
	start, cpu  int // ticks
	pages       int
	voluntary   int
	involuntary int
	sockets     []string // inodes
}

func (m machine) process(p fakeProcess) {
	m.t.Helper()
	m.write(procPath(p.pid, "stat"), fmt.Sprintf("%d (a (b) c) S %d 1 1 0 -1 4194304 97 0 0 0 %d %d 7 9 20 0 3 0 %d 3133440 %d 184467 1 2 3 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n",
		p.pid, p.parent, p.cpu-p.cpu/3, p.cpu/3, p.start, p.pages))
	m.write(procPath(p.pid, "task/"+strconv.Itoa(p.pid)+"/status"), fmt.Sprintf("Name:\tx\nvoluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t%d\n", p.voluntary, p.involuntary))
	m.write(procPath(p.pid, "smaps_rollup"), "55-7f ---p 0 00:00 0 [rollup]\nRss:   1856 kB\nPss:   366 kB\nPss_Dirty:   116 kB\n")
	for i, inode := range p.sockets {
		path := m.root.path(procPath(p.pid, "fd/"+strconv.Itoa(i+3)))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.Symlink("socket:["+inode+"]", path); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m machine) end(pid int) {
	m.t.Helper()
	if err := os.RemoveAll(m.root.path("proc/" + strconv.Itoa(pid))); err != nil {
		m.t.Fatal(err)
	}
}

// host writes the machine's ticks and its pressure.
func (m machine) host(user, idle, steal int, waited time.Duration) {
	m.t.Helper()
	m.write("proc/stat", fmt.Sprintf("cpu  %d 0 0 %d 0 0 0 %d 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n", user, idle, steal))
	m.write("proc/pressure/cpu", fmt.Sprintf("some avg10=0.41 avg60=0.31 avg300=0.99 total=%d\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n", waited.Microseconds()))
}

func contains(t *testing.T, what, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%s: %q, want one with %q", what, text, want)
	}
}
