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
)

// Process is a program that runs. It does not outlive this one.
type Process struct {
	PID int

	cmd            *exec.Cmd
	stdout, stderr Transcript
	ended          chan struct{}
	err            error // valid once ended is closed
}

// Spawn starts a program. The output streams that the command leaves open are kept.
func Spawn(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", cmd.Path, err)
	}
	p.PID = cmd.Process.Pid
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Stdout is what the process has written to standard output, if that is kept.
func (p *Process) Stdout() string { return p.stdout.String() }

// Log is what the process has written to standard error, if that is kept.
func (p *Process) Log() string { return p.stderr.String() }

// Signal sends the process a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.ended }

// Ended reports whether the process has ended, and how.
func (p *Process) Ended() (bool, error) {
	select {
	case <-p.ended:
		return true, p.err
	default:
		return false, nil
	}
}

// Wait waits for the process to end by itself.
func (p *Process) Wait() error {
	<-p.ended
	return p.err
}

// Status waits for the process to end, and is its exit status.
func (p *Process) Status() int {
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the process at once, and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// ErrStillThere says that a process did not end.
var ErrStillThere = errors.New("the process was still there and was killed")

// Stop sends SIGTERM and tells how long the process took to end. After the limit it is killed, with
// a signal on which a Go program logs what its goroutines do.
func (p *Process) Stop(limit time.Duration) (time.Duration, error) {
	begun := time.Now()
	_ = p.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
		return time.Since(begun), p.err
	case <-time.After(limit):
	}
	_ = p.Signal(syscall.SIGQUIT)
	select {
	case <-p.ended:
	case <-time.After(lastWords):
		p.Kill()
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
