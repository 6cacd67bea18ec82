package memory

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"sluice/internal/cgroup"
)

// Ceiling is the most memory that a process may take.
type Ceiling struct {
	Bytes int64
	// Source says what sets it: Machine, or a control group's file.
	Source string
}

// Machine is the source of a ceiling that no control group lowers.
const Machine = "the machine's memory"

// Limit is the smallest ceiling that the machine and the control groups set in which this process
// is: those of cgroup v1 and v2, and those that they are nested in, as far as they can be seen.
func Limit() (Ceiling, error) { return LimitIn(os.DirFS("/")) }

// LimitIn is Limit on a file system, for tests.
func LimitIn(root fs.FS) (Ceiling, error) {
	least := Ceiling{Bytes: math.MaxInt64}
	lower := func(bytes int64, source string) {
		if bytes > 0 && bytes < least.Bytes {
			least = Ceiling{bytes, source}
		}
	}
	info, _ := fs.ReadFile(root, "proc/meminfo")
	if total, ok := field(string(info), "MemTotal:"); ok {
		lower(total, Machine)
	}
	for _, g := range cgroup.Of(root, "memory") {
		files := []string{"memory.max", "memory.high"}
		if g.V1 {
			files = []string{"memory.limit_in_bytes"}
			// What v1 nests the group in may be out of sight, and is told here all the same.
			if text, ok := g.Read(root, "memory.stat"); ok {
				n, _ := statistic(text, "hierarchical_memory_limit")
				lower(n, path.Join(g.Dir, "memory.stat"))
			}
		}
		for _, name := range files {
			text, _ := g.Read(root, name)
			if n, err := strconv.ParseInt(text, 10, 64); err == nil { // else "max"
				lower(n, path.Join(g.Dir, name))
			}
		}
	}
	if least.Bytes == math.MaxInt64 {
		return Ceiling{}, errors.New("the system does not tell how much memory there is")
	}
	return least, nil
}

func statistic(text, name string) (int64, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
