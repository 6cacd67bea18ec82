// Package cage runs a process in a control group with a memory limit of its own, and tells how
// much memory the process and its children take: what a test of an attack needs, so that an attack
// that succeeds ends the process in the cage and nothing beside it.
//
// A cage needs a memory controller, of cgroup v1 or v2, in which this process may make groups; where
// there is none New skips the test with the reason. Only tests and tools may use it.
package cage

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Cage is a control group with a memory limit. Its peaks are read while something runs in it, since
// the kernel's own count holds cached files too, which it lets go before it kills anything.
type Cage struct {
	Limit int64
	dir   string
	v2    bool
	peak  atomic.Int64
	quit  chan struct{}
	done  sync.WaitGroup
	once  sync.Once
}

// New makes a cage of limit bytes that ends, with all that runs in it, when the test does.
func New(t testing.TB, limit int64) *Cage {
	t.Helper()
	c, err := Make(limit)
	if err != nil {
		t.Skipf("no memory-limited control group can be made: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

var serial atomic.Int64

// Make is New for programs; Close must follow.
func Make(limit int64) (*Cage, error) {
	var faults []error
	for _, place := range places() {
		c := &Cage{Limit: limit, v2: place.v2, quit: make(chan struct{})}
		c.dir = filepath.Join(place.dir, fmt.Sprintf("sluice-cage-%d-%d", os.Getpid(), serial.Add(1)))
		if err := c.open(); err != nil {
			_ = os.Remove(c.dir)
			faults = append(faults, err)
			continue
		}
		c.done.Go(c.watch)
		return c, nil
	}
	if len(faults) == 0 {
		return nil, errors.New("this machine has no memory controller")
	}
	return nil, errors.Join(faults...)
}

func (c *Cage) open() error {
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return err
	}
	limit := strconv.FormatInt(c.Limit, 10)
	if c.v2 {
		if err := c.write("memory.max", limit); err != nil {
			return err
		}
		_ = c.write("memory.swap.max", "0") // there may be no swap
		_ = c.write("memory.oom.group", "0")
		return nil
	}
	if err := c.write("memory.limit_in_bytes", limit); err != nil {
		return err
	}
	_ = c.write("memory.memsw.limit_in_bytes", limit)
	return nil
}

func (c *Cage) write(name, value string) error {
	return os.WriteFile(filepath.Join(c.dir, name), []byte(value), 0o644)
}

// Command is exec.Command, for a process that is in the cage before it begins.
func (c *Cage) Command(name string, args ...string) *exec.Cmd {
	return exec.Command("/bin/sh", append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, c.dir, name}, args...)...)
}

// Usage is what the processes in the cage hold that belongs to no file: what the kernel cannot take
// back. Memory that they share counts once.
func (c *Cage) Usage() int64 {
	now := c.usage()
	for {
		if peak := c.peak.Load(); now <= peak || c.peak.CompareAndSwap(peak, now) {
			return now
		}
	}
}

func (c *Cage) usage() int64 {
	stat, err := os.Open(filepath.Join(c.dir, "memory.stat"))
	if err != nil {
		return 0
	}
	defer stat.Close()
	wanted := map[string]bool{"rss": true, "shmem": true} // rss is without shmem, in v1
	if c.v2 {
		wanted = map[string]bool{"anon": true, "shmem": true, "kernel": true, "sock": true}
	}
	total := int64(0)
	for lines := bufio.NewScanner(stat); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), " "); wanted[name] {
			n, _ := strconv.ParseInt(value, 10, 64)
			total += n
		}
	}
	if !c.v2 {
		total += c.number("memory.kmem.usage_in_bytes")
	}
	return total
}

// Peak is the most that Usage has been, looked at every 5 ms.
func (c *Cage) Peak() int64 {
	c.Usage()
	return c.peak.Load()
}

// ResetPeak begins a new peak, so that start-up can be told from an attack.
func (c *Cage) ResetPeak() { c.peak.Store(0) }

// Killed is how many processes the kernel has ended in the cage for want of memory.
func (c *Cage) Killed() int64 {
	name := "memory.oom_control"
	if c.v2 {
		name = "memory.events"
	}
	text, _ := os.ReadFile(filepath.Join(c.dir, name))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}

// String tells the peak against the limit.
func (c *Cage) String() string {
	return fmt.Sprintf("peak %.0f of %.0f MiB (%.0f %%), %d killed for want of memory", float64(c.Peak())/(1<<20), float64(c.Limit)/(1<<20), 100*float64(c.Peak())/float64(c.Limit), c.Killed())
}

func (c *Cage) number(name string) int64 {
	text, _ := os.ReadFile(filepath.Join(c.dir, name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

func (c *Cage) watch() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
			c.Usage()
		}
	}
}

// Close ends what still runs in the cage and removes it.
func (c *Cage) Close() (err error) {
	c.once.Do(func() {
		close(c.quit)
		c.done.Wait()
		err = c.remove()
	})
	return err
}

// remove kills by process id until the group is empty: processes may be starting others.
func (c *Cage) remove() (err error) {
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(c.dir, "cgroup.procs"))
		for _, word := range strings.Fields(string(text)) {
			if pid, _ := strconv.Atoi(word); pid > 1 {
				if p, err := os.FindProcess(pid); err == nil {
					_ = p.Kill()
				}
			}
		}
		if err = os.Remove(c.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("cannot remove the control group: %w", err)
}
