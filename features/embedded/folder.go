package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"sluice/features/native"
)

// folder is where the files of a view are.
type folder struct{ dir, view string }

func (f folder) path(name string) string { return filepath.Join(f.dir, f.view, name) }
func (f folder) rows(generation uint64) string {
	return f.path(strconv.FormatUint(generation, 10) + rowsEnding)
}

func (f folder) upserts(generation uint64) string {
	return f.path(strconv.FormatUint(generation, 10) + upsertsEnding)
}

const (
	pointerName   = "generation"
	rowsEnding    = ".rows"
	upsertsEnding = ".upserts"
)

// pointer reads the pointer; before the first load it has no generation.
func (f folder) pointer() (native.Pointer, error) {
	text, err := os.ReadFile(f.path(pointerName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return native.Pointer{}, nil
	case err != nil:
		return native.Pointer{}, err
	}
	p, err := native.ParsePointer(string(text))
	if err != nil {
		return native.Pointer{}, fmt.Errorf("cannot read %s: %w", f.path(pointerName), err)
	}
	return p, nil
}

// setPointer replaces the pointer.
func (f folder) setPointer(p native.Pointer) error {
	return f.replace(f.path(pointerName), []byte(p.String()+"\n"))
}

// replace replaces a file of the view. A reader, and a machine that loses its power, sees the one or the other.
func (f folder) replace(path string, text []byte) error {
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFolder(f.path("."))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockRetry is how often a lock is asked for that another process has.
const lockRetry = 5 * time.Millisecond

// lock takes a lock of the view; a process that ends gives its locks back.
func (f folder) lock(ctx context.Context, name string) (unlock func(), err error) {
	file, err := os.OpenFile(f.path(name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", file.Name(), err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("another process has %s locked: %w", file.Name(), ctx.Err())
		case <-time.After(lockRetry):
		}
	}
}
