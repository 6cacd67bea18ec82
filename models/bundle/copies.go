package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// copiesPrefix is how the folders of all processes begin.
const copiesPrefix = "sluice-copies-"

// Copies is this process's private folder. The files of each bundle are copied there while they are
// hashed, and loaded from there: so what was hashed is what is loaded, and stays what it is as long
// as the version lives, whoever writes into the models folder.
//
// The process holds a lock on the folder, which ends with the process: a folder without one was left
// behind by a process that was killed, and the next one takes it away.
type Copies struct {
	dir  string
	lock *os.File
	made atomic.Int64
}

// OpenCopies makes the private folder in the first of the folders in which it can, and takes away
// what dead processes have left there.
func OpenCopies(folders ...string) (*Copies, error) {
	var faults []error
	for _, parent := range folders {
		if parent == "" {
			continue
		}
		c, err := openCopies(parent)
		if err == nil {
			return c, nil
		}
		faults = append(faults, fmt.Errorf("%s: %w", parent, BareError(err)))
	}
	return nil, fmt.Errorf("cannot make a private folder for copies of the models' files: %w", errors.Join(faults...))
}

func openCopies(parent string) (*Copies, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	sweepCopies(parent)
	for {
		dir, err := os.MkdirTemp(parent, copiesPrefix)
		if err != nil {
			return nil, err
		}
		c := &Copies{dir: dir}
		if c.lock, err = lockFolder(dir, syscall.LOCK_EX); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		// Another process may have swept it away between the two steps.
		if _, err := os.Lstat(dir); err == nil {
			return c, nil
		}
		c.lock.Close()
	}
}

func lockFolder(dir string, how int) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweepCopies takes away the folders that no process holds. What cannot be read belongs to somebody
// else.
func sweepCopies(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), copiesPrefix) || !entry.IsDir() {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		about, err := os.Lstat(dir)
		if err != nil || about.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) { //nolint:forcetypeassert // it is this type on every Unix
			continue
		}
		if f, err := lockFolder(dir, syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			_ = os.RemoveAll(dir) // what is left of it, the next process takes away
			f.Close()
		}
	}
}

// Dir is the private folder.
func (c *Copies) Dir() string { return c.dir }

// Close takes all copies away. Sessions that map a file keep what they have mapped.
func (c *Copies) Close() error {
	if c == nil {
		return nil
	}
	return errors.Join(os.RemoveAll(c.dir), c.lock.Close())
}

// begin makes the folder for one bundle's copies. Without private folder there is none.
func (c *Copies) begin() (*copied, error) {
	if c == nil {
		return nil, nil
	}
	dir := filepath.Join(c.dir, strconv.FormatInt(c.made.Add(1), 10))
	k := &copied{dir: dir, Places: Places{Own: filepath.Join(dir, "own"), Beside: filepath.Join(dir, "beside")}}
	for _, dir := range []string{k.dir, k.Own, k.Beside} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			_ = k.remove() // what is left goes with the private folder
			return nil, fmt.Errorf("cannot copy its files to the folder for private copies: %w", BareError(err))
		}
	}
	return k, nil
}

// copied is the copies of one bundle's files: its own, and those that lie beside its folder.
type copied struct {
	dir string
	Places
}

func (k *copied) remove() error {
	if k == nil {
		return nil
	}
	return os.RemoveAll(k.dir)
}
