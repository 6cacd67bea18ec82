// Package child runs processes that are tied to this one: a child dies with its parent, whatever the
// parent died of. It has last words, of which a bounded part is kept, and an end that somebody
// waits for.
//
// A Child is started by Start, StartIdle or Run and ends once, by itself, by Kill, Stop or End, or with this
// process. What it may be told, and what it inherits, is exec.Cmd's to say; descriptors of this process that are not
// listed there stay closed to it. Any package of the module may call it, on Linux.
//
// Invariants:
//   - The system ties a child to the thread that starts it, so that thread stays until the child has
//     ended. No caller has to hold one.
//   - Every child is waited for. A grandchild that holds the child's output open delays that by
//     Cmd.WaitDelay, a second unless the command says otherwise.
//   - Only the process itself is signalled, but by End and Stop where it leads a group of its own
//     (SysProcAttr.Setpgid): they leave nobody of the group behind.
package child

import (
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Child is a process that was started.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// waitDelay is what a command without one gets.
const waitDelay = time.Second

// Start starts a command, tied to this process.
func Start(cmd *exec.Cmd) (*Child, error) { return begin(cmd, 0) }

// idleRest is how long the remains of a process of the lowest priority are left alone.
const idleRest = 100 * time.Millisecond

// StartIdle starts a command whose process gives itself the lowest priority. It is waited for a little after its end: whoever waits
// removes what the kernel has cached of it below /proc, and spins, for seconds of a core, while one of its threads is at the same and
// gets no core. Meanwhile such threads come to their end.
func StartIdle(cmd *exec.Cmd) (*Child, error) { return begin(cmd, idleRest) }

func begin(cmd *exec.Cmd, rest time.Duration) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = waitDelay
	}
	c := &Child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() { // ends with the process, which End waits for
		defer close(c.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		if rest > 0 {
			for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
			}
			time.Sleep(rest)
		}
		c.err = cmd.Wait()
	}()
	if err := <-started; err != nil {
		<-c.done
		return nil, err
	}
	return c, nil
}

// Run starts a command and waits for its end.
func Run(cmd *exec.Cmd) error {
	c, err := Start(cmd)
	if err != nil {
		return err
	}
	return c.Wait()
}

// PID is the process's number.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the process has ended and its output has been read.
func (c *Child) Done() <-chan struct{} { return c.done }

// Wait waits for the process's end: nil for status 0, else an *exec.ExitError or what went wrong.
func (c *Child) Wait() error {
	<-c.done
	return c.err
}

// Status waits for the process's end and is its exit status; -1 if a signal ended it.
func (c *Child) Status() int {
	<-c.done
	return c.cmd.ProcessState.ExitCode()
}

// Ended tells whether the process has ended, and how: "exit status 0", "signal: killed".
func (c *Child) Ended() (how string, yes bool) {
	select {
	case <-c.done:
	default:
		return "", false
	}
	if c.err != nil {
		return c.err.Error(), true
	}
	return c.cmd.ProcessState.String(), true
}

// Signal sends the process a signal. It may have ended.
func (c *Child) Signal(s syscall.Signal) error { return c.cmd.Process.Signal(s) }

// Kill has the process end at once, and does not wait: one that hangs in a driver goes on for a while.
func (c *Child) Kill() { _ = c.cmd.Process.Kill() }

// End kills the process, if it is still there, and what is left of its group, and waits for it. It may
// be called again.
func (c *Child) End() {
	c.Kill()
	if c.cmd.SysProcAttr.Setpgid {
		_ = syscall.Kill(-c.PID(), syscall.SIGKILL) // a group that is empty is no fault
	}
	<-c.done
}

// Stop asks the process to end, with SIGTERM, and after a limit ends it. It reports whether the process
// ended within the limit.
func (c *Child) Stop(limit time.Duration) bool {
	_ = c.Signal(syscall.SIGTERM) // it may have ended
	late := time.NewTimer(limit)
	defer late.Stop()
	inTime := true
	select {
	case <-c.done:
	case <-late.C:
		inTime = false
	}
	c.End()
	return inTime
}
