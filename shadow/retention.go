package shadow

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// keptStates is of how many comparisons of a model the state is kept, those that were written last. A filter of units takes 1 MiB. No more than a
// few shadows run at once, and each of them writes its state every minute.
const keptStates = 32

// removeOld removes the states of a model's comparisons but for the newest, and what was left of them half written. Other files stay.
func removeOld(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	type comparison struct {
		name    string
		files   []string
		written time.Time
	}
	var all []comparison
	for _, e := range entries { // in the order of their names
		name, ours := comparisonOf(e.Name())
		about, err := e.Info()
		if !ours || err != nil || !about.Mode().IsRegular() {
			continue // such as one that another comparison has just renamed
		}
		at := slices.IndexFunc(all, func(c comparison) bool { return c.name == name })
		if at < 0 {
			at, all = len(all), append(all, comparison{name: name})
		}
		c := &all[at]
		c.files = append(c.files, filepath.Join(dir, e.Name()))
		if about.ModTime().After(c.written) {
			c.written = about.ModTime()
		}
	}
	slices.SortFunc(all, func(a, b comparison) int { return cmp.Or(b.written.Compare(a.written), cmp.Compare(a.name, b.name)) })
	for _, c := range all[min(keptStates, len(all)):] {
		for _, path := range c.files {
			if fault := os.Remove(path); !errors.Is(fault, fs.ErrNotExist) {
				err = errors.Join(err, fault)
			}
		}
	}
	return err
}

// comparisonOf is the comparison that a file in a model's folder is of.
func comparisonOf(file string) (name string, ours bool) {
	file = strings.TrimSuffix(file, freshSuffix)
	for _, suffix := range []string{sumsSuffix, unitsSuffix} {
		if name, ours = strings.CutSuffix(file, suffix); ours {
			return name, true
		}
	}
	return "", false
}
