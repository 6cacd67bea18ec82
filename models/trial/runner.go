package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"sluice/internal/child"
	"sluice/internal/fault"
	"sluice/internal/units"
	"sluice/models/bundle"
)

// What a trial process may take to parse a bundle's files, besides the model file itself: an honest
// file of a million nodes takes 600 MB.
const (
	parseLimit  = 30 * time.Second
	parseMemory = 1 << 30
)

// Runner reads and loads bundles in child processes, so that a file on which a parser grows
// without end, or which crashes ONNX Runtime, is refused by name while the gateway lives.
type Runner struct {
	// Command is the program with its arguments; it calls Run.
	Command []string
	// Timeout bounds loading and running; 0 means 60 s. Reading has 30 s of its own.
	Timeout time.Duration
	// ReadMemory bounds what reading may take; 0 means 1 GiB and the size of the model file, and no
	// more than loading may. Memory bounds what loading and running may hold; 0 means three quarters of the
	// machine's, and no more than that of what this process leaves of Options.Ceiling, shared by
	// Options.AtOnce.
	ReadMemory, Memory int64

	reading sync.Mutex // one child parses at a time
}

// Options is what a trial needs to know of the server.
type Options struct {
	// Defaults and the names of the devices are for the bundle's settings.
	Defaults bundle.Defaults
	Devices  []string
	// Ceiling is the most memory that the server may take, in bytes, and AtOnce how many loads share
	// what is left of it.
	Ceiling int64
	AtOnce  int
}

// trialRequest is what the child reads first. A line of its own after it lets it go on to load.
type trialRequest struct {
	Name, ModelName string
	Own, Beside     string // the folders
	Home            string // as the bundle's
	Bare            bool
	ReadMemory      int64
	Memory          int64
	Options
}

// Begin starts a child, which reads the bundle's files and describes them
// before it touches the library. An error is a sentence on what is wrong with the files.
func (r *Runner) Begin(ctx context.Context, b *bundle.Bundle, o *Options) (*Trial, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	// A file that does not fit beside what is served cannot be loaded either: to read it all would
	// only bring the system to end something.
	if size, most := b.ModelBytes(), r.readMemory(b, o); size > most {
		return nil, fault.Wrap(fault.ModelLoadFailed, ErrShort, fmt.Sprintf("%s has %s, and reading it may take %s of memory, which is what is left: not served; let the server have more", b.ModelName, units.Bytes(size), units.Bytes(most)))
	}
	t, err := r.start(ctx, b, o)
	switch {
	case ctx.Err() != nil:
		if err == nil {
			t.End()
		}
		return nil, fmt.Errorf("loading was stopped: %w", ctx.Err())
	case err != nil:
		return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process could not be started")
	}
	kind, text, err := t.hear(parseLimit)
	if err == nil && kind == frameDescribed {
		if t.Config, t.Graph, err = bundle.DecodeDescription(text); err == nil {
			return t, nil
		}
		t.End()
		return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process that read its files cannot be understood: not served")
	}
	t.End()
	switch {
	case err == nil && kind == frameWrong:
		return nil, errors.New(printable(text))
	case ctx.Err() != nil:
		return nil, fmt.Errorf("loading was stopped: %w", ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.Wrap(fault.ModelLoadFailed, err, fmt.Sprintf("reading its files took longer than %v in a trial process: not served", parseLimit))
	case errors.Is(err, io.EOF) && t.complained.outOfMemory():
		return nil, fault.Wrap(fault.ModelLoadFailed, fmt.Errorf("%w: %s", ErrShort, t.complained.line()), fmt.Sprintf("reading its files took more than %s of memory in a trial process: not served", units.Bytes(r.readMemory(b, o))))
	case errors.Is(err, io.EOF):
		return nil, fault.Wrap(fault.ModelLoadFailed, errors.New(t.complained.line()), fmt.Sprintf("reading its files crashed a trial process (%s): not served", t.status()))
	case err == nil:
		err = fmt.Errorf("it says %q before it has described the files", kind)
	}
	return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process that read its files cannot be understood: not served")
}

// start runs the child and gives it its request.
func (r *Runner) start(ctx context.Context, b *bundle.Bundle, o *Options) (*Trial, error) {
	request := trialRequest{
		Name: b.Name, ModelName: b.ModelName, Own: b.From.Own, Beside: b.From.Beside, Bare: b.Bare, Home: b.Home,
		ReadMemory: r.readMemory(b, o), Memory: r.memory(o), Options: *o,
	}
	line, err := json.Marshal(&request)
	if err != nil {
		return nil, err
	}
	said, says, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer says.Close()
	cmd := exec.CommandContext(ctx, r.Command[0], r.Command[1:]...)
	t := &Trial{runner: r, memory: request.Memory, said: said, complained: &head{child.Beginning{Most: maxTrialOutput}}}
	cmd.ExtraFiles = []*os.File{says}
	cmd.Stdout, cmd.Stderr = t.complained, t.complained
	if t.release, err = cmd.StdinPipe(); err == nil {
		t.process, err = child.Start(cmd)
	}
	if err != nil {
		return nil, errors.Join(err, said.Close())
	}
	_, _ = t.release.Write(append(line, '\n')) // if it has died, the first frame that does not come tells
	return t, nil
}
