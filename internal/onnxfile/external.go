package onnxfile

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// External is a range of a data file beside the model.
type External struct {
	Location string
	Offset   int64
	Length   int64 // -1: up to the end of the file
}

func (e *External) set(message []byte) error {
	key, value, err := entry(message)
	if err != nil {
		return err
	}
	number := func(into *int64) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("external data has the %s %q", key, clip(value))
		}
		*into = n
		return nil
	}
	switch key {
	case "location":
		e.Location = value
	case "offset":
		return number(&e.Offset)
	case "length":
		return number(&e.Length)
	}
	return nil
}

// checkLocation lets only bare file names pass. A model must not read elsewhere, and
// ONNX Runtime's marker for data at a memory address starts like a path.
func (e *External) checkLocation(name string) error {
	l := e.Location
	if l == "" || l == "." || l == ".." || strings.ContainsAny(l, "/\\\x00:*") {
		return fmt.Errorf("tensor %q has its data in %q; only a bare file name beside the model is allowed", clip(name), clip(l))
	}
	return nil
}

// addExternal keeps one entry per file: the one that reaches furthest.
func (m *Model) addExternal(e External) error {
	i := slices.IndexFunc(m.External, func(have External) bool { return have.Location == e.Location })
	switch {
	case i >= 0:
		if have := &m.External[i]; e.end() > have.end() {
			*have = e
		}
	case len(m.External) >= maxExternal:
		return fmt.Errorf("the weights lie in more than %d files", maxExternal)
	default:
		m.External = append(m.External, e)
	}
	return nil
}

// end is the least size of the file that holds the range.
func (e External) end() int64 {
	sum := e.Offset + max(e.Length, 0)
	if sum < e.Offset {
		return 1<<63 - 1
	}
	return sum
}

// CheckExternal reports the first data file that is missing, is not a plain file in
// dir (links may not lead out of it), or is too short.
func (m *Model) CheckExternal(dir string) (err error) {
	if len(m.External) == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("cannot open the model's folder: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, e := range m.External {
		st, err := root.Stat(e.Location)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("cannot open external data %q beside the model: there is no such file; put it there, as the model keeps weights in it", e.Location)
		case err != nil:
			return fmt.Errorf("cannot open external data %q beside the model: %w", e.Location, err)
		case !st.Mode().IsRegular():
			return fmt.Errorf("external data %q is not a plain file", e.Location)
		case st.Size() < e.end():
			return fmt.Errorf("external data %q has %d bytes, the model needs %d", e.Location, st.Size(), e.end())
		}
	}
	return nil
}

// clip bounds text from the file that goes into a message.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
