package memory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Tree is a process and all that descend from it; those that end meanwhile are left out.
func Tree(pid int) []int {
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, Children(tree[i])...)
	}
	return tree
}

// Children are the processes that any thread of a process has started and that have not ended.
func Children(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may have ended
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// Own is a line of this process's status, such as VmRSS, in bytes; 0 if it is not there.
func Own(line string) int64 {
	text, _ := os.ReadFile("/proc/self/status")
	n, _ := field(string(text), line+":")
	return n
}

// PSS is the proportional set size of a process and all that descend from it: pages that several
// processes share count once. The kernel walks all pages for it, some milliseconds per gigabyte.
func PSS(pid int) (int64, error) {
	total, err := pss(pid)
	if err != nil {
		return 0, err
	}
	for _, child := range Tree(pid)[1:] {
		n, _ := pss(child) // it may have ended
		total += n
	}
	return total, nil
}

func pss(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot tell what a process takes: %w", err)
	}
	n, ok := field(string(text), "Pss:")
	if !ok {
		return 0, errors.New("the system does not tell what a process takes")
	}
	return n, nil
}

// field is a line of the form "Name:   12 kB", in bytes.
func field(text, name string) (int64, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}
