// Package started makes runs of the load tester against a target that is started for them: a process of its
// own group, which is ready before the run and stopped after it. The command calls it.
package started

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"sluice/internal/remedy"
	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/watch"
)

// patience is how long a target that was started may take until it is ready, and for an orderly end.
type patience struct{ ready, stop time.Duration }

var targetPatience = patience{60 * time.Second, 10 * time.Second}

// child is a target that --target-cmd started: a process of its own group, which the kernel
// kills if this one dies, whatever of.
type child struct {
	cmd   *exec.Cmd
	log   tail
	ended chan struct{} // closed when it has ended, after err was set
	err   error
}

// startTarget starts a command as the target at a URL and waits until it is ready. A fault of
// whoever asks is a *payload.UsageError, a target that does not come up a *payload.NotReadyError.
func startTarget(ctx context.Context, command, url string, limits patience) (*child, error) {
	argv, err := words(command)
	if err != nil {
		return nil, &payload.UsageError{Text: err.Error()}
	}
	target, err := payload.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	if !watch.SameHost(target.Addr) {
		return nil, &payload.UsageError{Text: fmt.Sprintf("--target-cmd starts a target on this machine, and %s is not on it", url)}
	}
	if c, err := net.DialTimeout("tcp", target.Addr, time.Second); err == nil {
		_ = c.Close()
		return nil, &payload.UsageError{Text: fmt.Sprintf("--target-cmd: something listens at %s already: stop it, or leave the flag out", target.Addr)}
	}
	c := &child{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})} //nolint:gosec // the user's own command
	if err := c.start(); err != nil {
		return nil, &payload.UsageError{Text: fmt.Sprintf("--target-cmd: cannot start the target: %v", remedy.Whole(err))}
	}
	if err := c.await(ctx, target, limits.ready); err != nil {
		c.stop(limits.stop)
		return nil, err
	}
	return c, nil
}

// start starts the process and has a goroutine wait for its end.
func (c *child) start() error {
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	c.cmd.WaitDelay = time.Second // a grandchild may hold the log open
	// A group of its own: control-C is for the load tester, which then stops the target in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		// The kernel takes the end of the thread that started it for the end of the parent.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
			close(c.ended)
		}
	}()
	return <-started
}

// await waits until the target says that it is ready. One that has no page for that is taken
// to be ready when it answers; the load tester then asks for the model.
func (c *child) await(ctx context.Context, target payload.Target, limit time.Duration) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	page := "http://" + target.Addr + target.Base + "/v2/health/ready"
	late := time.NewTimer(limit)
	defer late.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ready(ctx, client, page) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.ended:
			return &payload.NotReadyError{Text: "the target ended before it was ready: " + c.lastWords()}
		case <-late.C:
			return &payload.NotReadyError{Text: fmt.Sprintf("the target was not ready at %s within %v: %s", target.Addr, limit, c.lastWords())}
		case <-tick.C:
		}
	}
}

func ready(ctx context.Context, client *http.Client, page string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return false
	}
	res, err := client.Do(r)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode < 500
}

// alive says whether the target has not ended by itself; if it has, how.
func (c *child) alive() (how string, yes bool) {
	select {
	case <-c.ended:
		return c.lastWords(), false
	default:
		return "", true
	}
}

// stop ends the target in order, or else by force, and whatever it left in its group.
func (c *child) stop(limit time.Duration) {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(limit):
	}
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // a group that is empty is no fault
	<-c.ended
}

// lastWords is how the target ended, if it has, and the end of its log, on one line.
func (c *child) lastWords() string {
	text := "it still runs"
	select {
	case <-c.ended:
		text = "exit status 0"
		if c.err != nil {
			text = c.err.Error()
		}
	default:
	}
	if log := c.log.String(); log != "" {
		return fmt.Sprintf("%s, and its log ends: %s", text, log)
	}
	return text + ", and it has logged nothing"
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// The end of a log that is kept, and the part of it that is shown.
const tailBytes, tailLines = 4096, 3

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if n := len(t.kept) - tailBytes; n > 0 {
		t.kept = append(t.kept[:0], t.kept[n:]...)
	}
	return len(p), nil
}

// String is the last lines, as one.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.FieldsFunc(string(t.kept), func(c rune) bool { return c == '\n' || c == '\r' })
	return strings.TrimSpace(strings.Join(lines[max(0, len(lines)-tailLines):], " | "))
}

// words takes a command line apart at spaces, except within quotes. Nothing else of a shell
// is known: the process that is started must be the target itself.
func words(text string) (all []string, err error) {
	var word strings.Builder
	var quote rune
	begun := false
	for _, c := range text {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if begun {
				all = append(all, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("--target-cmd %q: the quote %c is not closed", text, quote)
	}
	if begun {
		all = append(all, word.String())
	}
	if len(all) == 0 {
		return nil, errors.New("--target-cmd is empty: give the command that starts the target")
	}
	return all, nil
}

// Run makes a run of a target that is started for it and stopped after it.
func Run(ctx context.Context, command string, o loadtest.RunOptions) (*result.Result, *loadtest.Detail, error) {
	c, err := startTarget(ctx, command, o.Target.URL, targetPatience)
	if err != nil {
		return nil, nil, err
	}
	defer c.stop(targetPatience.stop)
	if o.Target.PID == 0 {
		o.Target.PID = c.cmd.Process.Pid
	}
	r, d, err := loadtest.Run(ctx, o)
	how, alive := c.alive()
	if alive {
		return r, d, err
	}
	if err != nil {
		return nil, nil, &payload.NotReadyError{Text: "the target ended before the run began: " + how}
	}
	r.Validity.Valid = false
	r.Validity.Reasons = append(r.Validity.Reasons, "the target ended while it was under load: "+how)
	r.Exit = result.ExitStatus(r)
	r.Verdict = result.Verdict(r)
	return r, d, nil
}
