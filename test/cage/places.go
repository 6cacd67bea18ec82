package cage

import (
	"os"
	"path/filepath"
	"strings"
)

// place is a control group in which groups may be made.
type place struct {
	dir string
	v2  bool
}

// places are the memory controllers' groups where a cage may be made, best first: the one that this
// process is in, and the top of what it sees.
func places() (found []place) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	own, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(mounts)) {
		before, after, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		root, at := fields[3], fields[4]
		switch {
		case kind[0] == "cgroup" && holds(kind[2], "memory"):
			found = append(found, inside(root, at, path(string(own), "memory"), false)...)
		case kind[0] == "cgroup2":
			for _, p := range inside(root, at, path(string(own), ""), true) {
				if enables(p.dir) {
					found = append(found, p)
				}
			}
		}
	}
	return found
}

// path is where this process is in the hierarchy of a controller, or of v2 if that is "".
func path(own, controller string) string {
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && (fields[1] == controller || controller != "" && holds(fields[1], controller)) {
			return fields[2]
		}
	}
	return "/"
}

func holds(list, word string) bool {
	for _, w := range strings.Split(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

func inside(root, at, own string, v2 bool) (found []place) {
	if rest, ok := strings.CutPrefix(own, strings.TrimSuffix(root, "/")); ok && rest != "" && rest != "/" && !v2 {
		found = append(found, place{filepath.Join(at, rest), v2})
	}
	return append(found, place{at, v2})
}

// enables reports whether groups below dir have a memory controller, and gives it to them if it can.
func enables(dir string) bool {
	has := func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		return strings.Contains(string(text), "memory")
	}
	if !has() {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+memory"), 0o644)
	}
	return has()
}
