package roles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sweep removes what others left behind, as a new holder.
func (f *folder) sweep() error {
	for _, dir := range []string{f.generations(), f.dir} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), temporaryPrefix) || strings.HasPrefix(entry.Name(), temporaryPrefix+f.id) {
				continue
			}
			if err := f.sys.remove(filepath.Join(dir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	f.swept = true
	return nil
}

// prune removes generations that are too old.
func (f *folder) prune(newest uint64) error {
	if !f.swept {
		if err := f.sweep(); err != nil {
			return err
		}
	}
	all, err := f.numbers()
	if err != nil {
		return err
	}
	for _, number := range all {
		if number+kept > newest {
			break
		}
		delete(f.passed, number)
		if err := f.sys.remove(f.path(number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copyOut writes the copy for people.
func (f *folder) copyOut(text []byte) error {
	return replace(f.sys, f.temporary(f.dir, "state"), filepath.Join(f.dir, "state.yaml"), text)
}
