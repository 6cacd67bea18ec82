package shadow

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// socketsName begins the names of the folders for sockets.
	socketsName = "sluice-shadow-"
	// sweepAfter is how old a folder has to be to be swept: it is not locked in the first moment.
	sweepAfter = time.Minute
)

// sockets is the folder of the processes' sockets. It is locked for as long as this process lives, so that the folder of one
// that was killed is known: numbers of processes are not the same in all containers that share a folder.
type sockets struct {
	dir  string
	lock *os.File
}

// newSockets makes a folder that nobody else may enter, in the first of some places where that can be, and sweeps what killed processes
// have left there.
func newSockets(places ...string) (s *sockets, err error) {
	for _, place := range places {
		sweep(place, time.Now())
		dir, fault := os.MkdirTemp(place, socketsName) // 0700
		if fault == nil {
			s = &sockets{dir: dir}
			if s.lock, fault = lock(dir); fault == nil {
				return s, nil
			}
			_ = os.Remove(dir)
		}
		err = errors.Join(err, fault)
	}
	return nil, err
}

func (s *sockets) remove() {
	_ = os.RemoveAll(s.dir)
	_ = s.lock.Close()
}

// lock locks a folder if nobody has. Processes that this one starts do not inherit it.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes the folders of this user that no process holds any more.
func sweep(place string, now time.Time) {
	all, _ := filepath.Glob(filepath.Join(place, socketsName+"*"))
	for _, dir := range all {
		about, err := os.Lstat(dir)
		if err != nil || !about.IsDir() || now.Sub(about.ModTime()) < sweepAfter {
			continue
		}
		if of, ok := about.Sys().(*syscall.Stat_t); !ok || int(of.Uid) != os.Geteuid() {
			continue
		}
		if f, err := lock(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = f.Close()
		}
	}
}
