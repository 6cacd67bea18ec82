package watch

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/procfs"
)

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every architecture that Go runs on.
const tick = 10 * time.Millisecond

// files are the pseudo-files below a root, which is "/" but in tests.
type files string

func (f files) path(name string) string { return filepath.Join(string(f), name) }

func (f files) read(name string) ([]byte, error) { return os.ReadFile(f.path(name)) }

// line is the text of a file of one line, empty if it cannot be read.
func (f files) line(name string) string {
	text, err := f.read(name)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// proc is what tells of processes.
func (f files) proc() (procfs.FS, error) { return procfs.NewFS(f.path("proc")) }

// statOf is a process as it is now.
func statOf(proc procfs.FS, pid int) (procfs.ProcStat, error) {
	p, err := proc.Proc(pid)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	return p.Stat()
}

// gone tells a process that has ended from one that may not be looked at.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
