package verify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"sluice/loadtest/payload"
)

// Expected are the known answers to a set's variants.
type Expected struct {
	// Source says where they come from, for reports.
	Source string
	// Model, Version and Digest are what the target said that answered; "" if it did not.
	Model, Version, Digest string
	// Rows are the answers, one for each variant: Outputs for the Open Inference Protocol,
	// Body for everything else.
	Rows []payload.Row
	// Echo says that the target was seen to repeat the identities of requests: an answer
	// without one is then wrong.
	Echo bool

	// proven are bodies of answers as they came while they were recorded, by variant.
	proven []body
}

// FromRows takes the answers of rows that were read from a file, for the variants of a set. It fails
// if there are none, or if they are of another kind than what the set's protocol compares.
func FromRows(s *payload.Set, h *payload.Header, rows []payload.Row, source string) (*Expected, error) {
	if len(rows) < len(s.Payloads) {
		return nil, &payload.UsageError{Text: fmt.Sprintf("%s knows the answers to %d variants, and %d are prepared", source, len(rows), len(s.Payloads))}
	}
	e := &Expected{Source: source, Rows: rows[:len(s.Payloads)]}
	for v := range e.Rows {
		switch {
		case byTensors(s.Protocol) && len(e.Rows[v].Outputs) == 0:
			return nil, &payload.UsageError{Text: fmt.Sprintf("%s knows no outputs for variant %d: it holds no answers of the Open Inference Protocol", source, v)}
		case !byTensors(s.Protocol) && e.Rows[v].Body == nil:
			return nil, &payload.UsageError{Text: fmt.Sprintf("%s knows no body for variant %d: answers of protocol %s are compared as they are, so record them from it", source, v, s.Protocol)}
		case e.Rows[v].Identity >= 0 && s.Payloads[v].ID < 0:
			return nil, &payload.UsageError{Text: fmt.Sprintf("%s knows answers to requests with an identity, and variant %d has none", source, v)}
		}
	}
	if h != nil {
		e.Model, e.Version, e.Digest = h.Model, h.Version, h.Digest
	}
	return e, nil
}

// byTensors reports whether a protocol's answers are compared as tensors.
func byTensors(p payload.Protocol) bool { return p == payload.JSON || p == payload.Binary }

// Write writes the answers with the set's inputs as a file that a later run can send and
// expect again.
func (e *Expected) Write(w io.Writer, s *payload.Set) error {
	header := payload.Header{
		Format: payload.Format, Protocol: s.Protocol.String(), Model: e.Model, Version: e.Version, Digest: e.Digest,
		Seed: s.Seed, Variants: len(e.Rows), Inputs: s.Inputs,
	}
	if s.Model != nil {
		header.Server = s.Model.Server
	}
	line, err := payload.AppendHeader(nil, &header)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	_, _ = out.Write(line) // Flush has the first error
	for v := range e.Rows {
		row := e.Rows[v]
		row.Inputs = s.Rows[v].Inputs
		if line, err = payload.AppendRow(line[:0], &row); err != nil {
			return fmt.Errorf("variant %d: %w", v, err)
		}
		_, _ = out.Write(line)
	}
	return out.Flush()
}

// WriteFile is Write into a file that is there whole or not at all.
func (e *Expected) WriteFile(path string, s *payload.Set) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot write expected answers to %s: %w", path, err)
		}
	}()
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return errors.New("it is no file") // a device must not be replaced by one
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		var at *fs.PathError // of a file that nobody asked for
		if errors.As(err, &at) {
			err = at.Err
		}
		return err
	}
	err = e.Write(file, s)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(file.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // what is left of it is of no use; the first error counts
	}
	return err
}
