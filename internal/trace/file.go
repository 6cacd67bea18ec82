package trace

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"sluice/internal/remedy"
)

// File is a trace in a file that is being read, in either form. It begins with its first arrival, whatever
// offset that has in the file: how long nothing came before it says nothing of the traffic.
type File struct {
	Source
	// Header is zero of a file of intervals. Once the first arrival has been read, Start is its time.
	Header Header

	file  *os.File
	begun bool
	first time.Duration // offset of the first arrival in the file
}

// Open opens a trace, compressed if the name ends in .gz.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the trace: %w", remedy.Whole(err))
	}
	var from io.Reader = f
	if compressed(path) {
		if from, err = gzip.NewReader(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("cannot open the trace %s, which should be compressed: %w", path, err)
		}
	}
	src, err := NewSource(from)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	opened := &File{Source: src, file: f}
	if r, ok := src.(*Reader); ok {
		opened.Header = r.Header
	}
	return opened, nil
}

// Next is that of the source, with offsets from the first arrival, and with the file's name in the error.
func (f *File) Next(a *Arrival) error {
	switch err := f.Source.Next(a); {
	case errors.Is(err, io.EOF):
		return err
	case err != nil:
		return fmt.Errorf("%s: %w", f.file.Name(), err)
	case !f.begun:
		f.begun, f.first = true, a.At
		if !f.Header.Start.IsZero() {
			f.Header.Start = f.Header.Start.Add(a.At)
		}
	}
	a.At -= f.first
	return nil
}

// Close closes the file. What is read has nothing left to lose, so there is no error.
func (f *File) Close() { f.file.Close() }

// Output is a trace in a file that is being written. Close it, or its end is missing.
type Output struct {
	*Writer
	zip  *gzip.Writer // nil if not compressed
	file *os.File
}

// Create makes a file, or empties it. It does not wait for the reader of a named pipe: one without is
// an error.
func Create(path string) (*Output, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, 0o666)
	if err != nil {
		return nil, fmt.Errorf("cannot create the trace: %w", err)
	}
	o := &Output{file: f}
	var to io.Writer = f
	if compressed(path) {
		o.zip = gzip.NewWriter(f)
		to = o.zip
	}
	o.Writer = newWriter(to)
	return o, nil
}

// Close writes what is buffered, the header at least, and closes the file.
func (o *Output) Close() (err error) {
	if !o.begun {
		err = o.Begin(Header{})
	}
	err = errors.Join(err, o.Flush())
	if o.zip != nil {
		err = errors.Join(err, o.zip.Close())
	}
	if err = errors.Join(err, o.file.Close()); err != nil {
		return fmt.Errorf("cannot finish the trace %s: %w", o.file.Name(), err)
	}
	return nil
}

func compressed(path string) bool { return strings.HasSuffix(path, ".gz") }
