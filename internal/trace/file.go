package trace

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"sluice/internal/remedy"
)

// File is a trace in a file that is being read, in either form.
type File struct {
	Source
	Header Header // zero of a file of intervals
	file   *os.File
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

// Next is that of the source, with the file's name in the error.
func (f *File) Next(a *Arrival) error {
	err := f.Source.Next(a)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("%s: %w", f.file.Name(), err)
}

// Close closes the file. What is read has nothing left to lose, so there is no error.
func (f *File) Close() { f.file.Close() }

// Output is a trace in a file that is being written. Close it, or its end is missing.
type Output struct {
	*Writer
	zip  *gzip.Writer // nil if not compressed
	file *os.File
}

// Create makes a file, or empties it, and writes the header. It does not wait for the reader of a
// named pipe: one without is an error.
func Create(path string, h Header) (*Output, error) {
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
	if o.Writer, err = NewWriter(to, h); err != nil {
		f.Close()
		return nil, err
	}
	return o, nil
}

// Close writes what is buffered and closes the file.
func (o *Output) Close() error {
	err := o.Flush()
	if o.zip != nil {
		err = errors.Join(err, o.zip.Close())
	}
	if err = errors.Join(err, o.file.Close()); err != nil {
		return fmt.Errorf("cannot finish the trace %s: %w", o.file.Name(), err)
	}
	return nil
}

func compressed(path string) bool { return strings.HasSuffix(path, ".gz") }
