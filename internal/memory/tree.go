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
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", tree[i]))
		for _, list := range lists {
			text, _ := os.ReadFile(list)
			for _, word := range strings.Fields(string(text)) {
				if child, err := strconv.Atoi(word); err == nil {
					tree = append(tree, child)
				}
			}
		}
	}
	return tree
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
