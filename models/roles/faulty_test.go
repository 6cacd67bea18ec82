package roles

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// errEnded is what a process that has ended would not see any more.
var errEnded = errors.New("the process has ended")

// mode is how a call fails.
type mode int

const (
	fails     mode = iota // with EIO; later ones work
	full                  // with ENOSPC; later ones work
	torn                  // half done, a link or rename done, and EIO; later ones work
	ends                  // the process ends before it
	endsTorn              // the process ends when half of it, or a link or rename, is done
	power                 // as ends, and what was not fsynced is torn
	powerLost             // as power, and names that were not fsynced are gone
	modes
)

func (m mode) String() string {
	return [...]string{"fails", "full", "torn", "ends", "endsTorn", "power", "powerLost"}[m]
}

// faulty is a disk on which one call fails. It fsyncs nothing, but knows what was.
type faulty struct {
	disk
	mode  mode
	after int // so many calls work before; negative: all do
	calls int
	hit   bool
	ended bool
	dirty map[*faultyFile]bool
	names map[string]bool // not fsynced
}

func newFaulty(m mode, after int) *faulty {
	return &faulty{mode: m, after: after, dirty: map[*faultyFile]bool{}, names: map[string]bool{}}
}

// step tells how a call is to be done: with err after the whole of it, half of it, or none.
func (f *faulty) step() (do, half bool, err error) {
	if f.ended {
		return false, false, errEnded
	}
	f.calls++
	if f.after < 0 || f.calls != f.after+1 {
		return true, false, nil
	}
	f.hit = true
	switch f.mode {
	case fails:
		return false, false, syscall.EIO
	case full:
		return false, false, syscall.ENOSPC
	case torn:
		return true, true, syscall.EIO
	case endsTorn:
		f.ended = true
		return true, true, errEnded
	default:
		f.ended = true
		f.cut()
		return false, false, errEnded
	}
}

// cut is what a loss of power leaves.
func (f *faulty) cut() {
	if f.mode == ends {
		return
	}
	for file := range f.dirty {
		if about, err := os.Stat(file.path); err == nil {
			_ = os.Truncate(file.path, max(file.synced, about.Size()/2))
		}
	}
	for name := range f.names {
		if f.mode == powerLost {
			_ = os.Remove(name)
		}
	}
}

// call does a call that is whole or not there.
func (f *faulty) call(do func() error) error {
	wanted, _, fault := f.step()
	if wanted {
		if err := do(); err != nil {
			return err
		}
	}
	return fault
}

func (f *faulty) mkdir(path string) error { return f.call(func() error { return f.disk.mkdir(path) }) }

func (f *faulty) link(old, name string) error {
	return f.call(func() error {
		err := f.disk.link(old, name)
		if err == nil {
			f.names[name] = true
		}
		return err
	})
}

func (f *faulty) rename(old, name string) error {
	return f.call(func() error {
		for file := range f.dirty {
			if file.path == old {
				file.path = name
			}
		}
		return f.disk.rename(old, name)
	})
}

func (f *faulty) remove(path string) error {
	return f.call(func() error {
		delete(f.names, path)
		return f.disk.remove(path)
	})
}

func (f *faulty) syncDir(path string) error {
	return f.call(func() error {
		for name := range f.names {
			if filepath.Dir(name) == path {
				delete(f.names, name)
			}
		}
		return nil
	})
}

func (f *faulty) open(path string, flags int) (opened file, err error) {
	err = f.call(func() error {
		_, missing := os.Stat(path)
		real, err := os.OpenFile(path, flags, 0o644)
		if err != nil {
			return err
		}
		if missing != nil {
			f.names[path] = true
		}
		about, err := real.Stat()
		opened = &faultyFile{File: real, on: f, path: path, synced: about.Size()}
		return err
	})
	if err != nil && opened != nil {
		opened.(*faultyFile).File.Close()
		return nil, err
	}
	return opened, err
}

type faultyFile struct {
	*os.File
	on     *faulty
	path   string
	synced int64
}

func (f *faultyFile) Write(text []byte) (int, error) {
	do, half, fault := f.on.step()
	if !do {
		return 0, fault
	}
	f.on.dirty[f] = true
	if half {
		text = text[:len(text)/2]
	}
	n, err := f.File.Write(text)
	if fault != nil {
		err = fault
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	return f.on.call(func() error {
		delete(f.on.dirty, f)
		return nil
	})
}

func (f *faultyFile) Close() error {
	f.File.Close() // the process' end does so too
	return f.on.call(func() error { return nil })
}
