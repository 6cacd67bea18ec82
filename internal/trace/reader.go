package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sluice/internal/task"
)

// Reader reads a trace line by line.
type Reader struct {
	Header Header

	version int64
	lines   *bufio.Scanner
	line    int
	last    time.Duration
	any     bool
	names   map[string]string // so that a name is in memory once per trace
}

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	t := &Reader{lines: bufio.NewScanner(r), names: map[string]string{}}
	t.lines.Buffer(make([]byte, 0, 1<<16), MaxLine+2) // and the line's end
	text, err := t.scan()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line 1: the header is missing: %w", ErrEmpty)
	}
	if err != nil {
		return nil, err
	}
	if t.version, err = t.Header.parse(text); err != nil {
		return nil, fmt.Errorf("line 1: the header: %w", err)
	}
	return t, nil
}

// Line is the number of the line last read, from 1.
func (t *Reader) Line() int { return t.line }

// Next reads the next arrival into a, whose Shape's memory it uses again. The error is
// io.EOF after the last arrival, ErrEmpty (wrapped) if there was none.
func (t *Reader) Next(a *Arrival) error {
	text, err := t.scan()
	if errors.Is(err, io.EOF) && !t.any {
		return fmt.Errorf("line %d: %w", t.line, ErrEmpty)
	}
	if err != nil {
		return err
	}
	*a = Arrival{Rows: 1, Priority: task.Normal, Shape: a.Shape[:0]}
	if err := t.parse(text, a); err != nil {
		return fmt.Errorf("line %d: %w", t.line, err)
	}
	if a.At < t.last {
		return fmt.Errorf("line %d: the time goes back from %v to %v: sort the arrivals", t.line, t.last, a.At)
	}
	t.last, t.any = a.At, true
	return nil
}

func (t *Reader) scan() ([]byte, error) {
	if t.lines.Scan() {
		t.line++
		return t.lines.Bytes(), nil
	}
	switch err := t.lines.Err(); {
	case err == nil:
		return nil, io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d: longer than %d bytes", t.line+1, MaxLine)
	default:
		return nil, fmt.Errorf("line %d: cannot read the trace: %w", t.line+1, err)
	}
}

// parse reads a header into h and returns the format's version.
func (h *Header) parse(text []byte) (version int64, err error) {
	f, begun := fields{rest: text}, false
	err = f.each(func(key string) (err error) {
		switch key {
		case "sluice_trace":
			if version, err = f.whole(); err == nil {
				err = checkVersion(version, Version)
			}
			begun = true
			return err
		case "start":
			return f.time(&h.Start)
		case "clock":
			h.Clock, err = f.text()
			return err
		}
		return unknownKey(key)
	})
	if err == nil && !begun {
		return 0, errors.New("the key sluice_trace is missing: this is not a trace")
	}
	return version, err
}

func checkVersion(version, newest int64) error {
	if version >= 1 && version <= newest {
		return nil
	}
	known := "version 1"
	if newest > 1 {
		known = fmt.Sprintf("versions 1 to %d", newest)
	}
	return fmt.Errorf("version %d is not known; this is a reader of %s", version, known)
}

func (f *fields) time(into *time.Time) error {
	text, err := f.text()
	if err != nil {
		return err
	}
	if *into, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return fmt.Errorf("start %.40q is not a time as in RFC 3339", text)
	}
	return nil
}

// parse reads a line into an arrival that holds the defaults.
func (t *Reader) parse(text []byte, a *Arrival) error {
	f := fields{rest: text}
	var seen uint16
	for {
		key, ok, err := f.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		bit, known := keys[key]
		switch {
		case !known:
			return unknownKey(key)
		case bit >= since2 && t.version < 2:
			return fmt.Errorf("the key %q is of version 2 of the format, and the header says version %d", key, t.version)
		case seen&bit != 0:
			return fmt.Errorf("the key %q comes twice, or beside one that means the same", key)
		}
		seen |= bit
		if err := t.field(&f, key, a); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if seen&keys["t_ns"] == 0 {
		return errors.New("the time is missing: t_ns or t_s")
	}
	return a.check()
}

// keys are the fields; those that mean the same have the same bit.
var keys = map[string]uint16{
	"t_ns": 1, "t_s": 1, "model": 2, "rows": 4, "budget_ns": 8, "budget_s": 8,
	"bytes": 16, "shape": 32, "priority": 64, "payload": 128,
	"version": since2, "id": since2 << 1, "status": since2 << 2, "late": since2 << 3,
}

// since2 is the first bit of the fields that version 2 has brought.
const since2 = 256

// name reads a string of which a trace has few.
func (t *Reader) name(f *fields) (string, error) {
	name, err := f.text()
	if known, ok := t.names[name]; ok {
		return known, err
	}
	if len(t.names) < 1<<12 {
		t.names[name] = name
	}
	return name, err
}

func (t *Reader) field(f *fields, key string, a *Arrival) (err error) {
	var n int64
	switch key {
	case "t_ns":
		n, err = f.whole()
		a.At = time.Duration(n)
	case "t_s":
		a.At, err = f.seconds()
	case "model":
		a.Model, err = t.name(f)
	case "version":
		a.Version, err = t.name(f)
	case "id":
		a.ID, err = f.text()
	case "status":
		a.Status, err = t.name(f)
	case "late":
		a.Late, err = f.truth()
	case "rows":
		n, err = f.whole()
		a.Rows = int(min(n, MaxRows+1))
	case "budget_ns":
		n, err = f.whole()
		a.Budget = time.Duration(n)
	case "budget_s":
		a.Budget, err = f.seconds()
	case "bytes":
		a.Bytes, err = f.whole()
	case "shape":
		a.Shape, err = f.list(a.Shape)
	case "payload":
		a.Payload, err = f.text()
	case "priority":
		var name string
		if name, err = f.text(); err != nil {
			return err
		}
		class := slices.Index(priorities[:], name)
		if class < 0 {
			return fmt.Errorf("%.40q is not one of %v", name, priorities)
		}
		a.Priority = task.Priority(class)
	}
	return err
}
