package trial

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sluice/internal/child"
	"sluice/internal/fault"
	"sluice/internal/units"
	"sluice/models/bundle"
)

// maxObservationBytes bounds what a trial process may tell of a model: 256 runs of 64 outputs.
const maxObservationBytes = 1 << 20

// Trial is a bundle in a trial process, which has described it and waits to load it.
type Trial struct {
	Config *bundle.Config
	Graph  *bundle.Graph

	runner     *Runner
	memory     int64 // that loading and running may hold
	process    *child.Child
	said       *os.File       // frames
	release    io.WriteCloser // lets it load
	complained *head
}

// hear reads what the child says next.
func (t *Trial) hear(limit time.Duration) (kind byte, text []byte, err error) {
	if err := t.said.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return 0, nil, err
	}
	kind, text, err = readFrame(t.said)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		select { // it is about to end, and has its reasons
		case <-t.process.Done():
		case <-time.After(time.Second):
		}
		err = io.EOF
	}
	return kind, text, err
}

// status is how the process ended.
func (t *Trial) status() string {
	if how, ended := t.process.Ended(); ended {
		return how
	}
	return "still running"
}

// End kills the process, if it is still there, and waits for it. It may be called twice.
func (t *Trial) End() {
	if t == nil || t.process == nil {
		return
	}
	t.process.End()
	_ = t.said.Close()
}

// Observe lets the child load the bundle and says what it has seen. Its error says that the library
// cannot load the file.
func (t *Trial) Observe(ctx context.Context) (*bundle.Observation, error) {
	defer t.End()
	timeout := cmp.Or(t.runner.Timeout, time.Minute)
	until := time.Now().Add(timeout)
	_, _ = io.WriteString(t.release, "\n") // if it has died, what it does not say tells
	kind, text, err := t.hear(timeout)
	doing := "loading"
	if err == nil && kind == frameLoaded {
		doing = "it loads, and running"
		kind, text, err = t.hear(time.Until(until))
	}
	switch {
	case err == nil && kind == frameObserved:
		o, err := bundle.DecodeObservation(text, len(t.Graph.Schema.Outputs))
		if err != nil {
			return nil, err
		}
		return t.weighings(ctx, o, until)
	case err == nil && kind == frameWrong:
		return nil, fault.New(fault.ModelLoadFailed, printable(text))
	case err == nil && kind == frameRefused:
		said := oneLine(text)
		return nil, fault.Wrap(fault.ModelLoadFailed, errors.New(said), refusal(said))
	case ctx.Err() != nil:
		return nil, fmt.Errorf("loading was stopped: %w", ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.Wrap(fault.ModelLoadFailed, errors.New("killed"), fmt.Sprintf("%s it took longer than %v in a trial process: not served", doing, timeout))
	case errors.Is(err, io.EOF):
		t.End() // its last words are read when it is gone
		if t.complained.outOfMemory() {
			return nil, fault.Wrap(fault.ModelLoadFailed, fmt.Errorf("%w: %s", ErrShort, t.complained.line()),
				fmt.Sprintf("%s it took more than %s of memory in a trial process, which is what is left: not served", doing, units.Bytes(t.memory)))
		}
		return nil, fault.Wrap(fault.ModelLoadFailed, errors.New(t.complained.line()),
			fmt.Sprintf("%s it crashed the ONNX Runtime in a trial process (%s): not served", doing, t.status()))
	}
	if err == nil {
		err = fmt.Errorf("it says %q", kind)
	}
	return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process cannot be understood")
}

// weighings hears what rows took of memory. Whatever ends the process meanwhile, such as a row that is
// too long for the machine, says nothing against the model.
func (t *Trial) weighings(ctx context.Context, o *bundle.Observation, until time.Time) (*bundle.Observation, error) {
	for {
		kind, text, err := t.hear(time.Until(until))
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("loading was stopped: %w", ctx.Err())
		case err != nil || kind != frameWeighed:
			return o, nil
		}
		var w bundle.Weighing
		if err = json.Unmarshal(text, &w); err == nil {
			err = o.Merge(w)
		}
		if err != nil {
			return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process cannot be understood")
		}
	}
}
