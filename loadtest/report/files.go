package report

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"sluice/loadtest/result"
	"sluice/loadtest/stats"
)

// Files are the reports of a test, opened before the test: a path that cannot be written to is
// found out first. What was in a file stays until there is a result.
type Files struct {
	out   io.Writer
	files []file
	text  bool // standard output has the report as text, not as JSON
}

// file is a report in a file.
type file struct {
	path  string
	file  *os.File
	fresh bool // the file was not there
	write func(w io.Writer, r *result.Result, d Log) error
}

// Paths are where the reports of one test go; empty for one that is not wanted. JSON may be -, for standard
// output, which then has it and not the text.
type Paths struct{ JSON, HTML, HGRM, Log string }

// Log is what writes a histogram of each second in HdrHistogram's log form.
type Log interface{ WriteLog(w io.Writer) error }

// Open opens the files of reports; out is standard output.
func Open(out io.Writer, p Paths) (*Files, error) {
	s := &Files{out: out, text: p.JSON != "-"}
	for _, k := range []file{
		{path: toFile(p.JSON), write: func(w io.Writer, r *result.Result, _ Log) error { return result.Write(w, r) }},
		{path: p.HTML, write: func(w io.Writer, r *result.Result, _ Log) error { return HTML(w, r) }},
		{path: p.HGRM, write: func(w io.Writer, r *result.Result, _ Log) error { return writeLatencies(w, r) }},
		{path: p.Log, write: func(w io.Writer, _ *result.Result, d Log) error { return d.WriteLog(w) }},
	} {
		if k.path == "" {
			continue
		}
		if err := k.open(s.files); err != nil {
			s.Discard()
			return nil, err
		}
		s.files = append(s.files, k)
	}
	return s, nil
}

// writeLatencies writes a run's histogram for other tools.
func writeLatencies(w io.Writer, r *result.Result) error {
	h, err := stats.DecodeHistogram(&r.Response)
	if err != nil {
		return err
	}
	return h.WriteHGRM(w)
}

// toFile is the path of a report that goes to a file.
func toFile(path string) string {
	if path == "-" {
		return ""
	}
	return path
}

// open opens the file, which must not be one of others.
func (k *file) open(others []file) (err error) {
	if k.file, err = os.OpenFile(k.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); err == nil { //nolint:gosec // a report is for all
		k.fresh = true
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		k.file, err = os.OpenFile(k.path, os.O_WRONLY, 0)
	}
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	info, err := k.file.Stat()
	for _, o := range others {
		other, e := o.file.Stat()
		if err == nil && e == nil && info.Mode().IsRegular() && os.SameFile(info, other) {
			_ = k.file.Close() // nothing was written
			return fmt.Errorf("cannot write two reports to %s: give each a file of its own", k.path)
		}
	}
	return nil
}

// Discard closes the files where there is nothing to write, and leaves none behind.
func (s *Files) Discard() {
	for _, k := range s.files {
		_ = k.file.Close() // after an error that was told
		if k.fresh {
			_ = os.Remove(k.path)
		}
	}
}

// Write writes every report that was asked for, and returns what it could not, a sentence each.
func (s *Files) Write(r *result.Result, d Log) (faults []error) {
	for _, k := range s.files {
		if err := k.put(r, d); err != nil {
			faults = append(faults, err)
		}
	}
	write := result.Write
	if s.text {
		write = Text
	}
	if err := write(s.out, r); err != nil {
		faults = append(faults, fmt.Errorf("cannot write the report to standard output: %w", err))
	}
	return faults
}

func (k *file) put(r *result.Result, d Log) error {
	// A device or a pipe has no length to cut.
	_ = k.file.Truncate(0)
	err := k.write(k.file, r, d)
	if closed := k.file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}
