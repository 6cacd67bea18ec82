package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Cap is a control group of its own that bounds the memory of some processes. The kernel ends one of them where they need more.
type Cap struct {
	dir string
	v1  bool
}

// capName begins the names of caps; the process that has made them follows.
const capName = "sluice-cap-"

// sweep removes the groups of processes that are not there any more. Those of others stay, though they may be empty: one begins so, and is asked
// for its Kills after its end.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, capName+"*"))
	for _, dir := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), capName), "-")
		if _, err := os.Stat("/proc/" + pid); os.IsNotExist(err) {
			_ = os.Remove(dir)
		}
	}
}

// NewCap makes a group below this process's own. It fails where the system, or the container, does not let this process do so, which is
// usual: the caller then has to watch the processes itself. The caller must Remove it.
func NewCap(bytes int64) (*Cap, error) {
	groups := Of(os.DirFS("/"), "memory")
	if len(groups) == 0 {
		return nil, errors.New("there is no control group for memory")
	}
	// Of several hierarchies the one of version 1 has the controller.
	own := groups[0]
	for _, g := range groups {
		if g.V1 {
			own = g
			break
		}
	}
	sweep(own.Dir)
	dir, err := os.MkdirTemp(own.Dir, fmt.Sprintf("%s%d-", capName, os.Getpid()))
	if err != nil {
		return nil, err
	}
	c := &Cap{dir, own.V1}
	limit := "memory.max"
	if c.v1 {
		limit = "memory.limit_in_bytes"
	}
	if err := c.write(limit, strconv.FormatInt(bytes, 10)); err != nil {
		_ = os.Remove(dir)
		return nil, err
	}
	return c, nil
}

// write changes a file that is there: these file systems make none.
func (c *Cap) write(name, text string) error {
	f, err := os.OpenFile(filepath.Join(c.dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Add puts a process into the group, and with it what it starts from now on.
func (c *Cap) Add(pid int) error { return c.write("cgroup.procs", strconv.Itoa(pid)) }

// Processes are those in the group.
func (c *Cap) Processes() (pids []int) {
	text, _ := os.ReadFile(filepath.Join(c.dir, "cgroup.procs"))
	for line := range strings.Lines(string(text)) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Kills is how many processes the kernel has ended for want of memory.
func (c *Cap) Kills() (n int64) {
	name := "memory.events"
	if c.v1 {
		name = "memory.oom_control"
	}
	text, _ := os.ReadFile(filepath.Join(c.dir, name))
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ = strconv.ParseInt(strings.TrimSpace(count), 10, 64)
		}
	}
	return n
}

// removeWait is how long the last process may take to leave the group.
const removeWait = time.Second

// Remove takes the group away, once no process is in it any more.
func (c *Cap) Remove() error {
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		err := os.Remove(c.dir)
		if err == nil || os.IsNotExist(err) {
			return nil
		}
		if time.Since(begun) > removeWait {
			return fmt.Errorf("the control group %s is left behind: %w", c.dir, err)
		}
	}
}
