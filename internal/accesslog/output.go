package accesslog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// output is the file, or a stream of the process.
type output struct {
	path string // empty for a stream
	file file
	torn bool // the last line was written in part
}

type file interface {
	io.WriteCloser
	Stat() (fs.FileInfo, error)
}

func (o *output) open(name string) (err error) {
	switch name {
	case "stdout":
		o.file, err = duplicate(os.Stdout)
	case "stderr":
		o.file, err = duplicate(os.Stderr)
	default:
		o.path = name
		o.file, err = openFile(name)
	}
	if err != nil {
		return fmt.Errorf("cannot open the access log: %w", err)
	}
	return nil
}

// openFile does not wait for a reader of a named pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o640)
}

// duplicate gives a stream a descriptor of its own: Go ends a process that writes to a pipe that is
// closed, if it does so by descriptor 1 or 2.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// write writes whole lines, and says how many of their bytes it wrote. A line that a full disk has cut
// is ended first, unless it is gone: an empty line is no JSON.
func (o *output) write(lines []byte) (int, error) {
	if o.torn && !o.empty() {
		if _, err := o.file.Write([]byte("\n")); err != nil {
			return 0, err
		}
	}
	o.torn = false
	n, err := o.file.Write(lines)
	o.torn = n > 0 && lines[n-1] != '\n'
	return n, err
}

// empty reports whether the file has been truncated. A stream may not tell.
func (o *output) empty() bool {
	if o.path == "" {
		return false
	}
	about, err := o.file.Stat()
	return err == nil && about.Mode().IsRegular() && about.Size() == 0
}

// follow opens the file again if another one, or none, has its name by now.
func (o *output) follow() error {
	if o.path == "" {
		return nil
	}
	named, err := os.Stat(o.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		if own, err := o.file.Stat(); err == nil && os.SameFile(own, named) {
			return nil
		}
	}
	again, err := openFile(o.path)
	if err != nil {
		return err
	}
	_ = o.file.Close()
	o.file, o.torn = again, false
	return nil
}

func (o *output) close() { _ = o.file.Close() }
