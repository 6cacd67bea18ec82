package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"sluice/internal/fault"
)

// TrialRefused is the exit status by which a trial process says that the model was
// refused in good order, with the reason on its standard output. Any other status but 0
// counts as a crash.
const TrialRefused = 3

// TrialLoaded is what a trial process writes first to its standard output, once the library has
// loaded the file: what goes wrong afterwards is not said to be the loading.
const TrialLoaded = "loaded\n"

// maxTrialOutput bounds what is kept of a trial process's output: the beginning, since
// a crash says its cause first and its stacks after.
const maxTrialOutput = 1 << 10

// maxObservationBytes bounds what a trial process may tell of a model: 256 runs of 64 outputs.
const maxObservationBytes = 1 << 20

// ForTrial describes the model file at path for the trial process, see Observe. It reads
// model.yaml, golden.jsonl and the model file and hashes nothing: the gateway has done that.
// settings is the path of config.pbtxt; empty if there is none.
func ForTrial(path, settings string, defaults Defaults) (*Bundle, error) {
	b := &Bundle{Dir: filepath.Dir(path), ModelName: filepath.Base(path)}
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the bundle's folder: %w", bareError(err))
	}
	defer root.Close()
	var t *triton
	if settings != "" {
		if t, err = glanceTriton(filepath.Dir(settings), ""); err != nil {
			return nil, err
		}
	}
	texts := map[string][]byte{}
	for _, name := range []string{ConfigFile, GoldenFile} {
		if b.ModelName != ModelFile && settings == "" {
			break
		}
		if _, texts[name], err = readFile(root, name, kept[name]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
	}
	b.golden = texts[GoldenFile]
	if b.Config, err = DecodeConfig(texts[ConfigFile], t.over(Options{Defaults: defaults}.withDefaults().Defaults)); err != nil {
		return nil, err
	}
	t.settings(&b.Config)
	if b.graph, err = InspectONNX(b); err != nil {
		return nil, err
	}
	b.FixedBatch, b.External = b.graph.FixedBatch, len(b.graph.External) > 0
	return b, nil
}

// TrialRunner loads a bundle in a child process, so that a file that crashes ONNX
// Runtime is refused by name while the gateway lives.
type TrialRunner struct {
	// Command is the program with its arguments; the paths of the model file and of
	// its config.pbtxt, if there is one, are added, for ForTrial.
	Command []string
	// Timeout bounds the child; 0 means 60 s.
	Timeout time.Duration
}

// Run is an Options.Trial. The child writes TrialLoaded, its Observation as JSON and then each Weighing
// to its standard output. What ends it while it weighs rows says that they are too long.
func (t *TrialRunner) Run(ctx context.Context, b *Bundle) (*Observation, error) {
	timeout := t.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	arguments := append(append([]string(nil), t.Command[1:]...), b.ModelPath())
	if b.Config.triton != nil {
		arguments = append(arguments, filepath.Join(b.Dir, b.home, TritonFile))
	}
	child := exec.CommandContext(limited, t.Command[0], arguments...)
	// The child must not outlive the gateway. The system ties that to the thread which
	// starts it, so the thread stays with this call.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	child.WaitDelay = time.Second
	said, complained := head{most: maxObservationBytes}, head{most: maxTrialOutput}
	child.Stdout, child.Stderr = &said, &complained
	err := child.Run()
	text, loaded := bytes.CutPrefix(said.kept, []byte(TrialLoaded))
	doing := "loading"
	if loaded {
		doing = "it loads, and running"
	}
	if err == nil || loaded && ctx.Err() == nil {
		seen, unread := decodeObservation(text, len(b.graph.Schema.Outputs))
		if err == nil || unread == nil {
			return seen, unread
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("loading was stopped: %w", ctx.Err())
	case limited.Err() != nil:
		return nil, fault.Wrap(fault.ModelLoadFailed, err, fmt.Sprintf("%s it took longer than %v in a trial process: not served", doing, timeout))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process could not be started")
	}
	if exit.ExitCode() == TrialRefused {
		return nil, fault.Wrap(fault.ModelLoadFailed, errors.New(said.line()), refusal(said.line()))
	}
	return nil, fault.Wrap(fault.ModelLoadFailed, errors.New(complained.line()),
		fmt.Sprintf("%s it crashed the ONNX Runtime in a trial process (%s): not served", doing, exit.ProcessState))
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

// line is the text in one line.
func (h *head) line() string {
	text := strings.Join(strings.Fields(string(bytes.ToValidUTF8(h.kept, []byte("?")))), " ")
	text = text[:min(len(text), maxTrialOutput)]
	if text == "" {
		return "it said nothing"
	}
	return text
}
