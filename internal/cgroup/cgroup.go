// Package cgroup finds the control groups that bound this process, and makes some that bound others (Cap). It reads files
// below /proc, keeps nothing, and anybody may call it; what a group's files say is for the caller to read.
package cgroup

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Group is a control group that this process is in, directly or not.
type Group struct {
	// Dir is its folder, from the root of the file system on.
	Dir string
	// V1 says that its files are those of version 1.
	V1 bool
}

// Read is the text of one of the group's files, without the space around it; false if it has none.
func (g Group) Read(root fs.FS, name string) (string, bool) {
	text, err := fs.ReadFile(root, strings.TrimPrefix(path.Join(g.Dir, name), "/"))
	return strings.TrimSpace(string(text)), err == nil
}

// Of are the groups with limits of a controller, such as memory, on a file system: in each hierarchy
// from this process's own up to the top of what is mounted.
func Of(root fs.FS, controller string) (found []Group) {
	mounts, _ := fs.ReadFile(root, "proc/self/mountinfo")
	own, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(mounts)) {
		before, after, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		v1 := kind[0] == "cgroup" && listed(kind[2], controller)
		if !v1 && kind[0] != "cgroup2" {
			continue
		}
		hierarchy := ""
		if v1 {
			hierarchy = controller
		}
		top, at := fields[3], fields[4]
		for dir := below(top, ownPath(string(own), hierarchy)); ; dir = path.Dir(dir) {
			found = append(found, Group{path.Join(at, dir), v1})
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

func listed(list, word string) bool { return slices.Contains(strings.Split(list, ","), word) }
