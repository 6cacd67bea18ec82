package models

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"sluice/internal/fault"
)

// maxTrialOutput bounds what is kept of a trial process's output: the beginning, since
// a crash says its cause first and its stacks after.
const maxTrialOutput = 1 << 10

// maxObservationBytes bounds what a trial process may tell of a model: 256 runs of 64 outputs.
const maxObservationBytes = 1 << 20

// What a trial process may take to parse a bundle's files, besides the model file itself: an honest
// file of a million nodes takes 600 MB.
const (
	parseLimit  = 30 * time.Second
	parseMemory = 1 << 30
)

// TrialRunner reads and loads bundles in child processes, so that a file on which a parser grows
// without end, or which crashes ONNX Runtime, is refused by name while the gateway lives.
type TrialRunner struct {
	// Command is the program with its arguments; it calls RunTrial.
	Command []string
	// Timeout bounds loading and running; 0 means 60 s. Reading has 30 s of its own.
	Timeout time.Duration
	// ReadMemory bounds what reading may take; 0 means 1 GiB and the size of the model file, and no
	// more than loading may. Memory bounds what loading and running may hold; 0 means three quarters of the
	// machine's, and no more than that of what this process leaves of Options.MemoryCeiling, shared by
	// Options.LoadsAtOnce.
	ReadMemory, Memory int64

	reading sync.Mutex // one child parses at a time
}

// trialRequest is what the child reads first. A line of its own after it lets it go on to load.
type trialRequest struct {
	Name, ModelName string
	Own, Beside     string // the folders
	Bare, AtHome    bool
	Defaults        Defaults
	Devices         []string
	ReadMemory      int64
	Memory          int64
	Ceiling         int64
}

// Trial is a bundle in a trial process, which has described it and waits to load it.
type Trial struct {
	config *Config
	graph  *Graph

	runner     *TrialRunner
	memory     int64 // that loading and running may hold
	kill       context.CancelFunc
	said       *os.File       // frames
	release    io.WriteCloser // lets it load
	complained *head
	ended      chan struct{} // closed when the process is gone, and its status is in state
	state      error
}

// Begin is an Options.Trial: it starts a child, which reads the bundle's files and describes them
// before it touches the library. An error is a sentence on what is wrong with the files.
func (r *TrialRunner) Begin(ctx context.Context, b *Bundle, o *Options) (*Trial, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	// A file that does not fit beside what is served cannot be loaded either: to read it all would
	// only bring the system to end something.
	if size, most := b.modelBytes(), r.readMemory(b, o); size > most {
		return nil, fault.Wrap(fault.ModelLoadFailed, errShort, fmt.Sprintf("%s has %s, and reading it may take %s of memory, which is what is left: not served; let the server have more", b.ModelName, byteCount(size), byteCount(most)))
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
	switch {
	case err == nil && kind == frameDescribed:
		if t.config, t.graph, err = decodeDescription(text); err != nil {
			t.End()
			return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process that read its files cannot be understood: not served")
		}
		return t, nil
	case err == nil && kind == frameWrong:
		t.End()
		return nil, errors.New(printable(text))
	}
	t.End()
	doing := "reading its files"
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("loading was stopped: %w", ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.Wrap(fault.ModelLoadFailed, err, fmt.Sprintf("%s took longer than %v in a trial process: not served", doing, parseLimit))
	case errors.Is(err, io.EOF) && t.complained.outOfMemory():
		return nil, fault.Wrap(fault.ModelLoadFailed, fmt.Errorf("%w: %s", errShort, t.complained.line()), fmt.Sprintf("%s took more than %s of memory in a trial process: not served", doing, byteCount(r.readMemory(b, o))))
	case errors.Is(err, io.EOF):
		return nil, fault.Wrap(fault.ModelLoadFailed, errors.New(t.complained.line()), fmt.Sprintf("%s crashed a trial process (%s): not served", doing, t.status()))
	}
	if err == nil {
		err = fmt.Errorf("it says %q before it has described the files", kind)
	}
	return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process that read its files cannot be understood: not served")
}

// start runs the child and gives it its request.
func (r *TrialRunner) start(ctx context.Context, b *Bundle, o *Options) (*Trial, error) {
	request := trialRequest{
		Name: b.Name, ModelName: b.ModelName, Own: b.from.own, Beside: b.from.beside, Bare: b.bare, AtHome: b.home != "",
		Defaults: o.Defaults, ReadMemory: r.readMemory(b, o), Memory: r.memory(o), Ceiling: o.MemoryCeiling,
	}
	for i := range o.Devices {
		request.Devices = append(request.Devices, o.Devices[i].Name)
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
	limited, kill := context.WithCancel(ctx)
	child := exec.CommandContext(limited, r.Command[0], r.Command[1:]...)
	t := &Trial{runner: r, memory: request.Memory, kill: kill, said: said, complained: &head{most: maxTrialOutput}, ended: make(chan struct{})}
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	child.WaitDelay = time.Second
	child.ExtraFiles = []*os.File{says}
	child.Stdout, child.Stderr = t.complained, t.complained
	if t.release, err = child.StdinPipe(); err != nil {
		kill()
		return nil, errors.Join(err, said.Close())
	}
	started := make(chan error)
	go func() {
		defer close(t.ended)
		// The child must not outlive the gateway. The system ties that to the thread which
		// starts it, so the thread stays with this goroutine.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := child.Start()
		started <- err
		if err == nil {
			t.state = child.Wait()
		}
	}()
	if err := <-started; err != nil {
		kill()
		<-t.ended
		return nil, errors.Join(err, said.Close())
	}
	if _, err := t.release.Write(append(line, '\n')); err != nil {
		_ = err // it has died, which the first frame that does not come tells
	}
	return t, nil
}

// hear reads what the child says next.
func (t *Trial) hear(limit time.Duration) (kind byte, text []byte, err error) {
	if err := t.said.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return 0, nil, err
	}
	kind, text, err = readFrame(t.said)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		select { // it is about to end, and has its reasons
		case <-t.ended:
		case <-time.After(time.Second):
		}
		err = io.EOF
	}
	return kind, text, err
}

// status is how the process ended.
func (t *Trial) status() string {
	select {
	case <-t.ended:
	default:
		return "still running"
	}
	var exit *exec.ExitError
	if errors.As(t.state, &exit) {
		return exit.ProcessState.String()
	}
	return "exit status 0"
}

// End kills the process, if it is still there, and waits for it. It may be called twice.
func (t *Trial) End() {
	if t == nil || t.kill == nil {
		return
	}
	t.kill()
	<-t.ended
	_ = t.said.Close()
}

// Observe lets the child load the bundle and says what it has seen. Its error says that the library
// cannot load the file.
func (t *Trial) Observe(ctx context.Context) (*Observation, error) {
	defer t.End()
	timeout := t.runner.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
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
		o, err := decodeObservation(text, len(t.graph.Schema.Outputs))
		if err != nil {
			return nil, err
		}
		return t.weighings(ctx, o, until)
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
			return nil, fault.Wrap(fault.ModelLoadFailed, fmt.Errorf("%w: %s", errShort, t.complained.line()),
				fmt.Sprintf("%s it took more than %s of memory in a trial process, which is what is left: not served", doing, byteCount(t.memory)))
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
func (t *Trial) weighings(ctx context.Context, o *Observation, until time.Time) (*Observation, error) {
	for {
		kind, text, err := t.hear(time.Until(until))
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("loading was stopped: %w", ctx.Err())
		case err != nil || kind != frameWeighed:
			return o, nil
		}
		var w Weighing
		if err = json.Unmarshal(text, &w); err == nil {
			err = o.merge(w)
		}
		if err != nil {
			return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process cannot be understood")
		}
	}
}

// tooNew is what ONNX Runtime says of a file for operators that came after it.
var tooNew = regexp.MustCompile(`Opset (\d+) is under development .* till opset (\d+)`)

// unknownOperator is what it says of an operator that it does not have.
var unknownOperator = regexp.MustCompile(`(?:No Op registered for ([\w.]{1,120}) with domain_version|([\w.:()-]{1,120}) is not a registered function/op)`)

// refusal says that the library refuses a file, for clients too: what it said itself is detail.
func refusal(said string) string {
	if sets := tooNew.FindStringSubmatch(said); sets != nil {
		return fmt.Sprintf("ONNX Runtime refuses to load it: it needs operator set %s, and this library has them up to %s; export it for that one, or use a newer library", sets[1], sets[2])
	}
	if operator := unknownOperator.FindStringSubmatch(said); operator != nil {
		return fmt.Sprintf("ONNX Runtime refuses to load it: it needs the operator %s, which this library does not have: export it without, or use a newer library", operator[1]+operator[2])
	}
	return "ONNX Runtime refuses to load it; sluice check and the log have its words: mend the model, and export it again"
}

// head keeps the beginning of what is written to it.
type head struct {
	kept []byte
	most int
}

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), h.most-len(h.kept))]...)
	return len(p), nil
}

func (h *head) line() string { return oneLine(h.kept) }

// outOfMemory tells whether the process says that the system gave it no more.
func (h *head) outOfMemory() bool {
	return bytes.Contains(h.kept, []byte("out of memory")) || bytes.Contains(h.kept, []byte("cannot allocate memory"))
}

// oneLine is a text of another process in one line, cut off where it is long.
func oneLine(text []byte) string {
	line := strings.Join(strings.Fields(string(bytes.ToValidUTF8(text, []byte("?")))), " ")
	line = line[:min(len(line), maxTrialOutput)]
	if line == "" {
		return "it said nothing"
	}
	return line
}

// printable is a sentence of another process, with its line breaks and nothing else that a terminal
// would not show.
func printable(text []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(string(text), "?"))
}
