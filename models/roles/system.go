package roles

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// system are the calls that change a folder, so that a test can end each of them halfway.
type system interface {
	mkdir(path string) error
	open(path string, flags int) (file, error)
	link(old, name string) error
	rename(old, name string) error
	remove(path string) error
	syncDir(path string) error
}

// file is what is written through system.
type file interface {
	io.WriteCloser
	Sync() error
}

// disk is the system as it is.
type disk struct{}

func (disk) mkdir(path string) error { return os.MkdirAll(path, 0o755) }

func (disk) open(path string, flags int) (file, error) { return os.OpenFile(path, flags, 0o644) }

func (disk) link(old, name string) error { return os.Link(old, name) }

func (disk) rename(old, name string) error { return os.Rename(old, name) }

func (disk) remove(path string) error { return os.Remove(path) }

func (disk) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// write makes a file that is not there yet. It is on the disk when write returns, though its name may not be.
func write(sys system, path string, text []byte) error {
	f, err := sys.open(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// replace puts a file in the place of another, in one step. It is not made to last.
func replace(sys system, temporary, path string, text []byte) error {
	f, err := sys.open(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return sys.rename(temporary, path)
}

// read returns the last bytes of a file, up to so many, and whether that is all of it. What is no plain file, such as
// a pipe, must not hold anybody up.
func read(path string, most int64) (text []byte, whole bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if !about.Mode().IsRegular() {
		return nil, false, errors.New("it is not a regular file")
	}
	from := max(0, about.Size()-most)
	text, err = io.ReadAll(io.NewSectionReader(f, from, most))
	return text, from == 0, err
}
