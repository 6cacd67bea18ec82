package trace

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"sluice/internal/task"
)

// Version is the version that is written. Readers take the older ones too: version 1 has no version, id,
// status and late.
const Version = 2

// Limits of a trace. They bound what a reader holds in memory: one line.
const (
	MaxLine  = 1 << 20 // bytes, without the line's end
	MaxRows  = 1 << 24
	MaxShape = 16 // dimensions
	// MaxID is the longest request id, in bytes: the longest that a gateway takes from a client.
	MaxID = 128
	// MaxTime is the longest offset and budget: far beyond a trace, and far below where
	// sums of durations overflow.
	MaxTime = 10 * 366 * 24 * time.Hour
)

// ErrEmpty is what reading a trace without a single arrival ends in.
var ErrEmpty = errors.New("the trace has no arrivals")

// Header is the first line of a trace.
type Header struct {
	// Start is the wall-clock time of offset zero; the zero time if unknown.
	Start time.Time
	// Clock names what offsets were read from, such as monotonic, wall or virtual; "" if unknown.
	Clock string
}

// Arrival is one request.
type Arrival struct {
	// At is the offset from the start of the trace.
	At    time.Duration
	Model string
	// Rows is at least 1.
	Rows int
	// Budget is the time to answer in; 0 means the model's own.
	Budget time.Duration
	// Bytes is the size of the inputs; 0 if unknown.
	Bytes int64
	// Shape is that of the first input, rows included; empty if unknown.
	Shape    []int64
	Priority task.Priority
	// Payload is the key of the request's body in the file of PayloadsPath; "" if it was not kept.
	Payload string
	// Version is the version of the model that answered or refused; "" if unknown.
	Version string
	// ID is the request's id, as its client saw it; "" if unknown.
	ID string
	// Status is OK, or the code of the refusal; "" if unknown.
	Status string
	// Late says that the answer came after its deadline.
	Late bool
}

// OK is the status of a request that was answered.
const OK = "OK"

var priorities = [task.Priorities]string{task.High: "high", task.Normal: "normal", task.Low: "low"}

// check holds an arrival to the format's limits.
func (a *Arrival) check() error {
	switch {
	case a.Model == "":
		return errors.New("model is missing")
	case !utf8.ValidString(a.Model) || !utf8.ValidString(a.Payload):
		return fmt.Errorf("model %.40q or its payload is not UTF-8", a.Model)
	case !utf8.ValidString(a.Version) || !utf8.ValidString(a.ID) || !utf8.ValidString(a.Status):
		return fmt.Errorf("version %.40q, id %.40q or status %.40q is not UTF-8", a.Version, a.ID, a.Status)
	case len(a.ID) > MaxID:
		return fmt.Errorf("the id %.40q has %d bytes; it may have %d", a.ID, len(a.ID), MaxID)
	case a.At < 0 || a.At > MaxTime:
		return fmt.Errorf("the time %v is not between 0 and %v", a.At, MaxTime)
	case a.Rows < 1 || a.Rows > MaxRows:
		return fmt.Errorf("rows is %d; it must be 1 to %d", a.Rows, MaxRows)
	case a.Budget < 0 || a.Budget > MaxTime:
		return fmt.Errorf("the budget %v is not between 0 and %v", a.Budget, MaxTime)
	case a.Bytes < 0:
		return fmt.Errorf("bytes is %d; it must not be negative", a.Bytes)
	case len(a.Shape) > MaxShape:
		return fmt.Errorf("shape has %d dimensions; it may have %d", len(a.Shape), MaxShape)
	case a.Priority >= task.Priorities:
		return fmt.Errorf("there is no priority %d", a.Priority)
	}
	for _, d := range a.Shape {
		if d < 0 {
			return fmt.Errorf("shape has the dimension %d; it must not be negative", d)
		}
	}
	return nil
}
