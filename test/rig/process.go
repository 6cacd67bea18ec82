package rig

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"sluice/internal/child"
)

// Process is a program that runs. It does not outlive this one.
type Process struct {
	*child.Child
	stdout, stderr Transcript
}

// Spawn starts a program. The output streams that the command leaves open are kept.
func Spawn(cmd *exec.Cmd) (*Process, error) {
	p := &Process{}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.stderr
	}
	var err error
	if p.Child, err = child.Start(cmd); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Stdout is what the process has written to standard output, if that is kept.
func (p *Process) Stdout() string { return p.stdout.String() }

// Log is what the process has written to standard error, if that is kept.
func (p *Process) Log() string { return p.stderr.String() }

// ErrStillThere says that a process did not end.
var ErrStillThere = errors.New("the process was still there and was killed")

// Stop sends SIGTERM and tells how long the process took to end. After the limit it is killed, with
// a signal on which a Go program logs what its goroutines do.
func (p *Process) Stop(limit time.Duration) (time.Duration, error) {
	begun := time.Now()
	_ = p.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.Done():
		return time.Since(begun), p.Wait()
	case <-time.After(limit):
	}
	_ = p.Signal(syscall.SIGQUIT)
	select {
	case <-p.Done():
	case <-time.After(lastWords):
		p.End()
	}
	return time.Since(begun), ErrStillThere
}

// lastWords is how long a process may log what its goroutines do.
const lastWords = 5 * time.Second

// Transcript is what a process writes, readable meanwhile.
type Transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to it.
func (t *Transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String is all of it.
func (t *Transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// FreeAddress is a loopback address at which nobody listens.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
