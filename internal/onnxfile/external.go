package onnxfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// External is a range of a data file beside the model.
type External struct {
	Location string
	Offset   int64
	Length   int64 // -1: up to the end of the file
	// Open is set if some range of the file goes up to its end, wherever that is.
	Open bool
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
	e.Open = e.Length < 0
	i := slices.IndexFunc(m.External, func(have External) bool { return have.Location == e.Location })
	switch {
	case i >= 0:
		have := &m.External[i]
		e.Open = e.Open || have.Open
		if have.Open = e.Open; e.End() > have.End() {
			*have = e
		}
	case len(m.External) >= maxExternal:
		return fmt.Errorf("the weights lie in more than %d files", maxExternal)
	default:
		m.External = append(m.External, e)
	}
	return nil
}

// End is the least size of the file that holds the range.
func (e External) End() int64 {
	sum := e.Offset + max(e.Length, 0)
	if sum < e.Offset {
		return 1<<63 - 1
	}
	return sum
}

// clip bounds text from the file that goes into a message.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
