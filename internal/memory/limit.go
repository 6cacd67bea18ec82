package memory

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// Ceiling is the most memory that a process may take.
type Ceiling struct {
	Bytes int64
	// Source says what sets it, such as a control group's file.
	Source string
}

// Limit is the smallest ceiling that the machine and the control groups set in which this process
// is: those of cgroup v1 and v2, and those that they are nested in, as far as they can be seen.
func Limit() (Ceiling, error) { return limitIn(os.DirFS("/")) }

// limitIn is Limit on a file system, for tests.
func limitIn(root fs.FS) (Ceiling, error) {
	least := Ceiling{Bytes: math.MaxInt64}
	lower := func(bytes int64, source string) {
		if bytes > 0 && bytes < least.Bytes {
			least = Ceiling{bytes, source}
		}
	}
	info, _ := fs.ReadFile(root, "proc/meminfo")
	if total, ok := field(string(info), "MemTotal:"); ok {
		lower(total, "the machine's memory")
	}
	for _, g := range groups(root) {
		for _, name := range g.files {
			file := path.Join(g.dir, name)
			text, err := fs.ReadFile(root, strings.TrimPrefix(file, "/"))
			if err != nil {
				continue
			}
			if name == "memory.stat" {
				// What v1 nests the group in may be out of sight, and is told here all the same.
				if n, ok := statistic(string(text), "hierarchical_memory_limit"); ok {
					lower(n, file)
				}
				continue
			}
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // else "max"
				lower(n, file)
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

// group is a control group that this process is in, directly or not.
type group struct {
	dir   string
	files []string // that tell its limits
}

var (
	filesV1 = []string{"memory.limit_in_bytes", "memory.stat"}
	filesV2 = []string{"memory.max", "memory.high"}
)

// groups are the groups with memory limits, from this process's own up to the top of what is mounted.
func groups(root fs.FS) (found []group) {
	mounts, _ := fs.ReadFile(root, "proc/self/mountinfo")
	own, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(mounts)) {
		before, after, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		controller, files := "", filesV2
		switch kind[0] {
		case "cgroup2":
		case "cgroup":
			if controller, files = "memory", filesV1; !listed(kind[2], controller) {
				continue
			}
		default:
			continue
		}
		top, at := fields[3], fields[4]
		for dir := below(top, ownPath(string(own), controller)); ; dir = path.Dir(dir) {
			found = append(found, group{path.Join(at, dir), files})
			if dir == "/" {
				break
			}
		}
	}
	return found
}

// ownPath is where this process is in the hierarchy of a v1 controller, or of v2 for "".
func ownPath(own, controller string) string {
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && (fields[1] == controller || controller != "" && listed(fields[1], controller)) {
			return fields[2]
		}
	}
	return "/"
}

// below is a group's path seen from the top of a mount. In a container the top may be the process's
// own group, whose path is that of the host.
func below(top, own string) string {
	if rest, ok := strings.CutPrefix(own, strings.TrimSuffix(top, "/")); ok && !strings.HasPrefix(own, "/..") {
		return path.Clean("/" + rest)
	}
	return "/"
}

func listed(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}
