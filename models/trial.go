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

// maxTrialOutput bounds what is kept of a trial process's output: the beginning, since
// a crash says its cause first and its stacks after.
const maxTrialOutput = 1 << 10

// ForTrial describes the model file at path, with its schema, for the trial process. It
// reads model.yaml and the model file and hashes nothing: the gateway has done that.
func ForTrial(path string, defaults Defaults) (*Bundle, error) {
	b := &Bundle{Dir: filepath.Dir(path), ModelName: filepath.Base(path)}
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the bundle's folder: %w", bareError(err))
	}
	defer root.Close()
	var settings []byte
	if b.ModelName == ModelFile {
		_, settings, err = readFile(root, ConfigFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot read %s: %w", ConfigFile, err)
		}
	}
	if b.Config, err = DecodeConfig(settings, Options{Defaults: defaults}.withDefaults().Defaults); err != nil {
		return nil, err
	}
	g, err := InspectONNX(b)
	if err != nil {
		return nil, err
	}
	b.FixedBatch, b.External = g.FixedBatch, len(g.External) > 0
	b.Schema, err = g.schema(&b.Config)
	return b, err
}

// TrialRunner loads a bundle in a child process, so that a file that crashes ONNX
// Runtime is refused by name while the gateway lives.
type TrialRunner struct {
	// Command is the program with its arguments; the model file's path is added, for ForTrial.
	Command []string
	// Timeout bounds the child; 0 means 60 s.
	Timeout time.Duration
}

// Run is an Options.Trial. It returns nil if the child loaded the model.
func (t *TrialRunner) Run(ctx context.Context, b *Bundle) error {
	timeout := t.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	arguments := append(append([]string(nil), t.Command[1:]...), b.ModelPath())
	child := exec.CommandContext(limited, t.Command[0], arguments...)
	// The child must not outlive the gateway. The system ties that to the thread which
	// starts it, so the thread stays with this call.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	child.WaitDelay = time.Second
	var said, complained head
	child.Stdout, child.Stderr = &said, &complained
	err := child.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("loading was stopped: %w", ctx.Err())
	case limited.Err() != nil:
		return fault.Wrap(fault.ModelLoadFailed, err, fmt.Sprintf("loading it took longer than %v in a trial process: not served", timeout))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fault.Wrap(fault.ModelLoadFailed, err, "the trial process could not be started")
	}
	if exit.ExitCode() == TrialRefused {
		return fault.Wrap(fault.ModelLoadFailed, errors.New(said.line()), "ONNX Runtime refuses to load it")
	}
	return fault.Wrap(fault.ModelLoadFailed, errors.New(complained.line()),
		fmt.Sprintf("loading it crashed the ONNX Runtime in a trial process (%s): not served", exit.ProcessState))
}

// head keeps the beginning of what is written to it.
type head struct{ kept []byte }

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), maxTrialOutput-len(h.kept))]...)
	return len(p), nil
}

// line is the text in one line.
func (h *head) line() string {
	text := strings.Join(strings.Fields(string(bytes.ToValidUTF8(h.kept, []byte("?")))), " ")
	if text == "" {
		return "it said nothing"
	}
	return text
}
