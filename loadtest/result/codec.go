package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxBytes bounds what Read takes: a day's series and its histograms are a tenth of it.
const maxBytes = 256 << 20

// Write writes a result as JSON, in lines for people. It fails if a figure is not a number.
func Write(w io.Writer, r *Result) error {
	named := *r
	named.Schema = Schema
	b, err := json.MarshalIndent(&named, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write the result as JSON: %w", err)
	}
	if _, err = w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("cannot write the result: %w", err)
	}
	return nil
}

// Read reads what Write has written. It takes no other version of the schema and no key that
// it does not know: a figure that is passed over in silence is worse than a file that is refused.
func Read(r io.Reader) (*Result, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the result: %w", err)
	case len(b) > maxBytes:
		return nil, fmt.Errorf("cannot read the result: it is larger than %d MiB", maxBytes>>20)
	}
	var head struct {
		Schema *string `json:"schema"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, unreadable(b, err)
	}
	switch {
	case head.Schema == nil:
		return nil, fmt.Errorf("cannot read the result: it names no schema, so it is not one of sluice loadtest; want %q", Schema)
	case *head.Schema != Schema:
		return nil, fmt.Errorf("cannot read the result: its schema is %q and this version reads %q; use the version that wrote it", *head.Schema, Schema)
	}
	var out Result
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		return nil, unreadable(b, err)
	}
	return &out, nil
}

// unreadable says in which line it went wrong, where the decoder knows.
func unreadable(b []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	at := int64(-1)
	switch {
	case len(bytes.TrimSpace(b)) == 0:
		return errors.New("cannot read the result: it is empty")
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	if at < 0 || at > int64(len(b)) {
		return fmt.Errorf("cannot read the result: %w", err)
	}
	return fmt.Errorf("cannot read the result: line %d: %w", bytes.Count(b[:at], []byte("\n"))+1, err)
}
