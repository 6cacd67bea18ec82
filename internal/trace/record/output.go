package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sluice/internal/clock"
	"sluice/internal/trace"
)

// output is the trace and, if bodies are kept, their file.
type output struct {
	trace    *trace.Output
	payloads *trace.PayloadWriter // nil without bodies
	file     *os.File             // of the payloads
}

func (o *output) open(path string, payloads bool) (err error) {
	for _, p := range []string{path, trace.PayloadsPath(path)} {
		if err := keep(p); err != nil {
			return err
		}
	}
	if payloads {
		// What clients have sent is nobody else's business.
		if o.file, err = os.OpenFile(trace.PayloadsPath(path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, 0o600); err != nil {
			return fmt.Errorf("cannot create the file of payloads: %w", err)
		}
		if o.payloads, err = trace.NewPayloadWriter(o.file); err != nil {
			o.file.Close()
			return err
		}
	}
	if o.trace, err = trace.Create(path); err != nil && o.file != nil {
		o.file.Close()
	}
	return err
}

// begin writes the header of a trace whose first arrival came at an instant.
func (o *output) begin(first clock.Instant) error {
	return o.trace.Begin(trace.Header{Start: time.Now().Add(first.Sub(clock.Now())).UTC(), Clock: "monotonic"})
}

// keep moves a file that is there out of the way, so that a server that is started again does
// not lose what it has recorded before. Only one is kept. What is no regular file stays.
func keep(path string) error {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if err := os.Rename(path, filepath.Join(filepath.Dir(path), "previous-"+filepath.Base(path))); err != nil {
		return fmt.Errorf("cannot keep what was recorded before: %w", err)
	}
	return nil
}

func (o *output) size() int64 {
	size := o.trace.Size()
	if o.payloads != nil {
		size += o.payloads.Size()
	}
	return size
}

// flush brings the payloads up to date first, so that none that the trace names is missing.
func (o *output) flush() error {
	if o.payloads != nil {
		if err := o.payloads.Flush(); err != nil {
			return err
		}
	}
	return o.trace.Flush()
}

func (o *output) close() (err error) {
	if o.payloads != nil {
		if err = errors.Join(o.payloads.Flush(), o.file.Close()); err != nil {
			err = fmt.Errorf("cannot finish the file of payloads: %w", err)
		}
	}
	return errors.Join(err, o.trace.Close())
}
