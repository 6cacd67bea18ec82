package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// deviceEnv is the environment of a process that opens sessions on a device: this one's and the
// device's own. GPUs are numbered as nvidia-smi and NVML do, whatever this process's says.
func deviceEnv(own map[string]string) []string {
	env := append(os.Environ(), "CUDA_DEVICE_ORDER=PCI_BUS_ID")
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}

// runChild runs one of this binary's hidden commands in a process of its own, which cannot take this
// one along, and gives it a request to read as JSON. It returns what the child has written to
// standard output, and how it began on standard error, also beside an error.
func runChild(ctx context.Context, command string, env []string, request any) (said []byte, complained string, err error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, "", err
	}
	// Not os.Executable: the file may have been replaced since this process started.
	child := exec.CommandContext(ctx, "/proc/self/exe", command)
	child.Env = env
	// The child must not outlive this process; the system ties that to the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	child.WaitDelay = time.Second
	child.Stdin = bytes.NewReader(text)
	var output bytes.Buffer
	var first beginning
	child.Stdout, child.Stderr = &output, &first
	err = child.Run()
	return output.Bytes(), first.line(), err
}

// beginning keeps the first bytes that are written to it: a crash says its cause first.
type beginning struct{ kept []byte }

func (b *beginning) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), 512-len(b.kept))]...)
	return len(p), nil
}

// line is the first line.
func (b *beginning) line() string {
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(b.kept), "?")), "\n")
	return orElse(line, "it said nothing")
}
