package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"time"

	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// State is what a device is doing.
type State uint8

// The states. Closed is left by Reopen alone, and never after Close.
const (
	Starting State = iota
	Up
	Restarting
	Closed
)

var stateNames = [...]string{Starting: "starting", Up: "up", Restarting: "restarting", Closed: "closed"}

// String returns the state's name.
func (s State) String() string { return stateNames[s] }

// What a device error of this package is, for errors.Is.
var (
	// ErrDown means that no process was there to run the batch, or that it ended meanwhile.
	ErrDown = errors.New("the worker process is not running")
	// ErrHung means that the run passed its limit and the process was ended for it.
	ErrHung = errors.New("the worker process did not answer within the limit of a run")
	// ErrBusy means that the batch waited for its turn until its limit; it never began.
	ErrBusy = errors.New("the worker process was busy until the limit of a run")
	// ErrLost means that a process that was started again refused to load the model: the device
	// serves other models, and this one once it can be loaded: it is tried again.
	ErrLost = errors.New("the worker process could not load the model again")
	// ErrMalformed means that the process sent what no healthy one sends, and was ended for it.
	ErrMalformed = errors.New("the worker process sent a malformed answer")
)

// Options say how a device's process is started and kept.
type Options struct {
	// Name is the device's name in logs and errors, such as cuda:0.
	Name string
	// Command makes the child's command; its process must call Serve on descriptor Descriptor.
	// It is called for each start. It must not set ExtraFiles. Standard error, unless it is set,
	// goes to the log, and its last line explains an end.
	Command func() *exec.Cmd
	// Lanes is how many batches run at once in the process; 0 means 1. Sessions may have more
	// lanes: their batches wait, gathered, for their turn.
	Lanes int
	// Serial makes the child do everything on one thread, loading too. A WebGPU device needs
	// it; Lanes must then be 1.
	Serial bool
	// OnState is told each change of state and its reason. It must return soon and not call
	// Close; nil if nobody listens.
	OnState func(s State, reason string)
	// Log may be nil.
	Log *zap.Logger

	// StartLimit is how long the process may take until it serves; 0 means 60 s. Too low ends
	// one that still loads its libraries.
	StartLimit time.Duration
	// OpenLimit is how long loading one model may take, and one warm-up run; 0 means 5 minutes.
	// Too low never loads a model that a provider compiles for long.
	OpenLimit time.Duration
	// BackoffMin and BackoffMax bound the pause before a restart: it doubles with each end
	// within CrashWindow, and is spread by a fifth. 0 means 50 ms and 2 s.
	BackoffMin, BackoffMax time.Duration
	// ReloadMin and ReloadMax bound the pause before a model is tried again that a new process could
	// not load; it doubles. 0 means 1 s and 1 minute.
	ReloadMin, ReloadMax time.Duration
	// CrashLimit ends within CrashWindow leave the device closed; 0 means 10 within 1 minute.
	CrashLimit  int
	CrashWindow time.Duration
	// FreeBytes bounds, in each batch, every input whose rows have no fixed size, and all such
	// outputs together; 0 means 256 MiB. It is address space, and memory only where used.
	FreeBytes int
}

// Spec is a model to load in the child.
type Spec struct {
	Path   string
	Schema *tensor.Schema
	// FixedBatch is the batch size that the file fixes; 0 if it is free.
	FixedBatch int
	// Sizes are the batch sizes that the Host's session runs, rising, where they are not
	// FixedBatch alone; nil means any. Smaller batches are filled to the next.
	Sizes []int
	// External is set when weights lie in files beside the model.
	External bool
	// Lanes is how many batches may be gathered or run at once; 0 means 1.
	Lanes int
	// IntraOp is the threads of one run; 0 means 1.
	IntraOp int
	// Provider is for the Host alone: what the session is to run on.
	Provider json.RawMessage
}

// The most lanes of a session, spare ones among them: as many descriptors fit in one message.
const maxLanes = 160

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Command == nil:
		return o, errors.New("it has no command")
	case o.Lanes < 0 || o.Lanes > maxLanes:
		return o, fmt.Errorf("it has %d lanes; 1 to %d are possible", o.Lanes, maxLanes)
	case o.Serial && o.Lanes > 1:
		return o, fmt.Errorf("it is serial and has %d lanes; it can have 1", o.Lanes)
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.OnState == nil {
		o.OnState = func(State, string) {}
	}
	orDefault(&o.Lanes, 1)
	orDefault(&o.StartLimit, time.Minute)
	orDefault(&o.OpenLimit, 5*time.Minute)
	orDefault(&o.BackoffMin, 50*time.Millisecond)
	orDefault(&o.BackoffMax, 2*time.Second)
	orDefault(&o.ReloadMin, time.Second)
	orDefault(&o.ReloadMax, time.Minute)
	orDefault(&o.CrashLimit, 10)
	orDefault(&o.CrashWindow, time.Minute)
	orDefault(&o.FreeBytes, 256<<20)
	return o, nil
}

func orDefault[T int | time.Duration](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}

// streams is the sockets of a device: one for each batch at once, and one for loading unless
// that waits its turn with them.
func (o *Options) streams() int {
	if o.Serial {
		return 1
	}
	return o.Lanes + 1
}

// ends keeps when the process ended, for the pause before the next start.
type ends struct{ times []time.Time }

// add records an end and returns how many there were within the window.
func (e *ends) add(now time.Time, window time.Duration) int {
	kept := e.times[:0]
	for _, t := range append(e.times, now) {
		if now.Sub(t) < window {
			kept = append(kept, t)
		}
	}
	e.times = kept
	return len(kept)
}

// pause is how long to wait after that many ends in a row.
func (o *Options) pause(n int) time.Duration {
	d := o.BackoffMax
	if n < 30 {
		d = min(o.BackoffMin<<max(n-1, 0), o.BackoffMax)
	}
	// All workers of a machine may have ended for one reason; they need not start as one.
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// deviceError is what a run returns when the device and not the rows are to blame.
func deviceError(sticky bool, cause error) error {
	return fault.Wrap(fault.InferenceFailed, &task.DeviceError{Sticky: sticky, Cause: cause}, "the device that runs the model failed")
}

// notThere is what a run returns that found no process, or none that has the model: another device
// may run it, or the same one a little later.
func notThere(sticky bool, cause error, text string) error {
	f := fault.Wrap(fault.NoCapacity, &task.DeviceError{Sticky: sticky, Cause: cause}, text)
	f.RetryAfter = time.Second
	return f
}

// sizes are the batch sizes that the session runs; nil means any.
func (s *Spec) sizes() []int {
	if s.FixedBatch > 0 {
		return []int{s.FixedBatch}
	}
	return s.Sizes
}

// check holds a spec against what laying it out relies on.
func (s *Spec) check() error {
	if s.Schema == nil || len(s.Schema.Inputs) == 0 || len(s.Schema.Outputs) == 0 {
		return errors.New("its schema has no inputs or no outputs")
	}
	if s.Lanes < 0 || s.Lanes > maxLanes {
		return fmt.Errorf("it has %d lanes; 1 to %d are possible", s.Lanes, maxLanes)
	}
	ins, outs := s.Schema.Inputs, s.Schema.Outputs
	if n := len(ins) + len(s.Schema.Optional); n > maxInputs || len(outs) > maxOutputs {
		return fmt.Errorf("it has %d inputs and %d outputs; %d and %d are the most", n, len(outs), maxInputs, maxOutputs)
	}
	if s.FixedBatch < 0 || s.FixedBatch > 0 && s.FixedBatch < s.Schema.MaxBatch {
		return fmt.Errorf("the file fixes the batch at %d rows and the schema allows %d", s.FixedBatch, s.Schema.MaxBatch)
	}
	if n := len(s.Sizes); n > 0 && (!slices.IsSorted(s.Sizes) || s.Sizes[0] < 1 || s.Sizes[n-1] < s.Schema.MaxBatch) {
		return fmt.Errorf("its batch sizes %v must rise from 1 or more to the largest batch of %d", s.Sizes, s.Schema.MaxBatch)
	}
	described := 0 // in the message of a run, at most
	for i, spec := range slices.Concat(ins, s.Schema.Optional, outs) {
		row := spec.Shape
		if s.Schema.Batchable() && len(row) > 0 {
			row = row[1:]
		}
		if i >= len(ins) || spec.Type.Size() == 0 || slices.Contains(row, -1) {
			described += regionBytes(len(spec.Shape))
		}
		if len(spec.Shape) > maxRank {
			return fmt.Errorf("%q has %d dimensions; %d are the most", spec.Name, len(spec.Shape), maxRank)
		}
	}
	for _, spec := range slices.Concat(ins, outs) {
		if s.Schema.Batchable() && len(spec.Shape) == 0 && !spec.Dynamic {
			return fmt.Errorf("%q has no dimensions, where the first must be the batch", spec.Name)
		}
	}
	if described > maxRegions {
		return fmt.Errorf("its inputs have so many dimensions that a message of a run takes %d bytes; %d are the most", described, maxRegions)
	}
	p := s.Schema.Padding
	if p == nil {
		return nil
	}
	if len(p.InputAxis) != len(ins) || len(p.OutputAxis) != len(outs) || len(p.Values) != len(ins) || !s.Schema.Batchable() {
		return errors.New("its padding does not fit its inputs and outputs")
	}
	for i, axis := range p.InputAxis {
		if in := ins[i]; axis >= 0 && (axis == 0 || axis >= len(in.Shape) || in.Type.Size() == 0 || len(p.Values[i]) != in.Type.Size()) {
			return fmt.Errorf("input %q cannot be padded on axis %d with %d bytes", in.Name, axis, len(p.Values[i]))
		}
	}
	return nil
}
