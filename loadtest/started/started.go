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
	"strings"
	"syscall"
	"time"

	"sluice/internal/child"
	"sluice/internal/remedy"
	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/watch"
)

// patience is how long a target that was started may take until it is ready, and for an orderly end.
type patience struct{ ready, stop time.Duration }

var targetPatience = patience{60 * time.Second, 10 * time.Second}

// target is what --target-cmd started.
type target struct {
	*child.Child
	log child.Tail
}

// startTarget starts a command as the target at a URL and waits until it is ready. A fault of
// whoever asks is a *payload.UsageError, a target that does not come up a *payload.NotReadyError.
func startTarget(ctx context.Context, command, url string, limits patience) (*target, error) {
	argv, err := words(command)
	if err != nil {
		return nil, &payload.UsageError{Text: err.Error()}
	}
	return startArgs(ctx, argv, url, limits)
}

func startArgs(ctx context.Context, argv []string, url string, limits patience) (*target, error) {
	at, err := payload.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	if !watch.SameHost(at.Addr) {
		return nil, &payload.UsageError{Text: fmt.Sprintf("--target-cmd starts a target on this machine, and %s is not on it", url)}
	}
	if c, err := net.DialTimeout("tcp", at.Addr, time.Second); err == nil {
		_ = c.Close()
		return nil, &payload.UsageError{Text: fmt.Sprintf("--target-cmd: something listens at %s already: stop it, or leave the flag out", at.Addr)}
	}
	t := &target{}
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec // the user's own command
	cmd.Stdout, cmd.Stderr = &t.log, &t.log
	// A group of its own: control-C is for the load tester, which then stops the target in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if t.Child, err = child.Start(cmd); err != nil {
		return nil, &payload.UsageError{Text: fmt.Sprintf("--target-cmd: cannot start the target: %v", remedy.Whole(err))}
	}
	if err := t.await(ctx, at, limits.ready); err != nil {
		t.Stop(limits.stop)
		return nil, err
	}
	return t, nil
}

// await waits until the target says that it is ready. One that has no page for that is taken
// to be ready when it answers; the load tester then asks for the model.
func (t *target) await(ctx context.Context, at payload.Target, limit time.Duration) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	page := "http://" + at.Addr + at.Base + "/v2/health/ready"
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
		case <-t.Done():
			return &payload.NotReadyError{Text: "the target ended before it was ready: " + t.lastWords()}
		case <-late.C:
			return &payload.NotReadyError{Text: fmt.Sprintf("the target was not ready at %s within %v: %s", at.Addr, limit, t.lastWords())}
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

// lastWords is how the target ended, if it has, and the end of its log, on one line.
func (t *target) lastWords() string {
	text, ended := t.Ended()
	if !ended {
		text = "it still runs"
	}
	if log := t.log.Lines(3); log != "" {
		return fmt.Sprintf("%s, and its log ends: %s", text, log)
	}
	return text + ", and it has logged nothing"
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

// With starts a command as the target at a URL, calls do with its process once it is ready, and stops it. A target that
// ends meanwhile is a *payload.NotReadyError.
func With(ctx context.Context, argv []string, url string, do func(ctx context.Context, pid int) error) error {
	t, err := startArgs(ctx, argv, url, targetPatience)
	if err != nil {
		return err
	}
	defer t.Stop(targetPatience.stop)
	err = do(ctx, t.PID())
	if _, ended := t.Ended(); ended && ctx.Err() == nil {
		return &payload.NotReadyError{Text: "the target ended while it was under load: " + t.lastWords()}
	}
	return err
}

// Run makes a run of a target that is started for it and stopped after it.
func Run(ctx context.Context, command string, o loadtest.RunOptions) (*result.Result, *loadtest.Detail, error) {
	t, err := startTarget(ctx, command, o.Target.URL, targetPatience)
	if err != nil {
		return nil, nil, err
	}
	defer t.Stop(targetPatience.stop)
	if o.Target.PID == 0 {
		o.Target.PID = t.PID()
	}
	r, d, err := loadtest.Run(ctx, o)
	if _, ended := t.Ended(); !ended {
		return r, d, err
	}
	how := t.lastWords()
	if err != nil {
		return nil, nil, &payload.NotReadyError{Text: "the target ended before the run began: " + how}
	}
	r.Validity.Valid = false
	r.Validity.Reasons = append(r.Validity.Reasons, "the target ended while it was under load: "+how)
	r.Exit = result.ExitStatus(r)
	r.Verdict = result.Verdict(r)
	return r, d, nil
}
