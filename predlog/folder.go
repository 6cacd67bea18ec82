package predlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"sluice/internal/remedy"
)

// errTaken says that another writer has the folder.
var errTaken = errors.New("another process keeps its prediction log there: name another folder")

// openFolder makes the folder, takes its lock and puts what earlier processes have left in order: a spool that was
// being written is complete, a file that was being converted goes. The lock ends with the process.
func openFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errTaken
	}
	if err == nil {
		err = putInOrder(dir)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func putInOrder(dir string) error {
	try, err := os.CreateTemp(dir, tablePrefix+"try-*"+partSuffix)
	if err != nil {
		return err
	}
	faults := []error{try.Close()}
	entries, err := os.ReadDir(dir)
	faults = append(faults, err)
	for _, e := range entries {
		switch path := filepath.Join(dir, e.Name()); {
		case strings.HasPrefix(e.Name(), tablePrefix) && strings.HasSuffix(e.Name(), partSuffix): // nobody else's
			faults = append(faults, os.Remove(path))
		case isCurrent(e.Name()):
			faults = append(faults, os.Rename(path, completeName(path)))
		}
	}
	return errors.Join(faults...)
}

func isCurrent(name string) bool {
	return strings.HasPrefix(name, currentPrefix) && strings.HasSuffix(name, spoolSuffix)
}

// Entry is one file of a folder.
type Entry struct {
	Path string
	// Table says that it is a Parquet file; else it is a spool.
	Table bool
	// Stamp is when it began; stamps sort as their instants.
	Stamp   string
	current bool
	size    int64
	changed time.Time
}

// List lists the files of a folder, the oldest first.
func List(dir string) ([]Entry, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the prediction log's folder %s: %w", dir, remedy.Named(err))
	}
	var all []Entry
	for _, e := range entries {
		name := e.Name()
		f := Entry{Path: filepath.Join(dir, name), current: isCurrent(name)}
		if stem, ok := strings.CutSuffix(name, tableSuffix); ok && strings.HasPrefix(stem, tablePrefix) {
			f.Table, f.Stamp = true, strings.TrimPrefix(stem, tablePrefix)
		} else if stem, ok := strings.CutSuffix(name, spoolSuffix); ok {
			f.Stamp = strings.TrimPrefix(stem, currentPrefix)
		}
		about, err := e.Info()
		_, other := time.Parse(stampForm, f.Stamp)
		if other != nil || err != nil || !about.Mode().IsRegular() {
			continue // it is not ours, such as a file that was flattened here; or it has gone
		}
		f.size, f.changed = about.Size(), about.ModTime()
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Stamp, b.Stamp) })
	return all, nil
}

// prune removes the oldest files while there is more than MaxBytes, and those that are older than MaxAge. The spool
// that is being written stays.
func (w *Writer) prune(now time.Time) error {
	all, err := List(w.opt.Dir)
	if err != nil {
		return err
	}
	total, spools := int64(0), int64(0)
	for _, f := range all {
		total += f.size
		if !f.Table && !f.current {
			spools += f.size
		}
	}
	var faults []error
	for _, f := range all {
		old := now.Sub(f.changed) > w.opt.MaxAge
		if f.current || total <= w.opt.MaxBytes && !old {
			continue
		}
		why := "prediction_log.max_bytes"
		if old {
			why = "prediction_log.max_age"
		}
		if err := os.Remove(f.Path); err != nil {
			faults = append(faults, err)
			continue
		}
		total -= f.size
		if !f.Table {
			spools -= f.size
		}
		w.opt.Log.Info("a file of the prediction log was removed", zap.String("file", f.Path), zap.Int64("bytes", f.size), zap.String("limit", why))
	}
	w.spoolBytes.Store(spools)
	return errors.Join(faults...)
}

// IsSpool reports whether a path is that of a spool.
func IsSpool(path string) bool { return strings.HasSuffix(path, spoolSuffix) }
