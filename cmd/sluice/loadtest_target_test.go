package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/loadtest/payload"
	"sluice/loadtest/result"
)

// The load tester starts its target, watches its process and stops it.
func TestLoadtestStartsItsTarget(t *testing.T) {
	addr := freeAddress(t)
	saved := filepath.Join(t.TempDir(), "result.json")
	got := loadtestCommandLine(t, "run", addr, "--model", "stub", "--load", "closed:1", "--warmup", "0s", "--duration", "300ms", "--ui", "none",
		"--target-cmd", "'"+sluice+"' loadtest stub --listen "+addr+" --behave \"delay=1ms\"", "--json", saved)
	r := readJSON(t, saved)
	if got.code != r.Exit.Code || got.err != "" || r.Ledger.OK == 0 || r.Targets[0].PID == 0 || r.Resources.Target == nil {
		t.Fatalf("%+v, ledger %+v, target %+v", got, r.Ledger, r.Targets)
	}
	gone(t, r.Targets[0].PID)
}

// A target that dies under load makes the run INVALID, and its last words are told.
func TestLoadtestTargetDies(t *testing.T) {
	addr := freeAddress(t)
	saved := filepath.Join(t.TempDir(), "result.json")
	got := loadtestCommandLine(t, "run", addr, "--model", "stub", "--load", "constant:100", "--warmup", "0s", "--duration", "3s", "--timeout", "1s", "--ui", "none", "--variants", "4", "--json", saved,
		"--target-cmd", "sh -c '"+sluice+" loadtest stub --listen "+addr+" & sleep 2; kill $!; echo no more memory >&2; exit 7'")
	r := readJSON(t, saved)
	const want = "the target ended while it was under load: exit status 7, and its log ends: "
	k := slices.IndexFunc(r.Validity.Reasons, func(reason string) bool { return strings.HasPrefix(reason, want) })
	if k < 0 || !strings.HasSuffix(r.Validity.Reasons[k], "no more memory") || got.code != result.ExitInvalid || r.Exit.Code != got.code {
		t.Errorf("status %d, %q, ledger %+v", got.code, r.Validity.Reasons, r.Ledger)
	}
}

// SIGINT ends the target too, whether it was ready or not; and so does the end of the load tester by SIGKILL.
func TestLoadtestLeavesNoTargetBehind(t *testing.T) {
	f := func(command string, ready bool, signal syscall.Signal) {
		t.Helper()
		addr := freeAddress(t)
		mark := filepath.Join(t.TempDir(), "pid")
		p := startLoadtest(t, "run", addr, "--model", "stub", "--load", "constant:100", "--warmup", "0s", "--duration", "5m", "--ui", "plain",
			"--target-cmd", "sh -c 'echo $$ > "+mark+"; exec "+strings.ReplaceAll(command, "ADDR", addr)+"'")
		var pid int
		eventually(t, "the target has begun", func() bool {
			text, _ := os.ReadFile(mark)
			pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
			return pid > 0 && strings.HasSuffix(string(text), "\n")
		})
		if ready {
			eventually(t, "the run has begun", func() bool { return strings.Contains(p.Log(), "\n1 s of ") })
		}
		switch signal {
		case syscall.SIGINT:
			if code := interrupt(t, p); code != result.ExitInterrupted && !(ready && code == result.ExitInvalid) {
				t.Errorf("%s: status %d\n%s", command, code, p.Log())
			}
		default:
			_ = p.Signal(signal)
			<-p.Done()
		}
		gone(t, pid)
	}
	f(sluice+" loadtest stub --listen ADDR", true, syscall.SIGINT)
	f("sleep 300", false, syscall.SIGINT)
	f(sluice+" loadtest stub --listen ADDR", true, syscall.SIGKILL)
}

// A target that is never ready is given up, and stopped by force where it does not heed SIGTERM,
// with all that it started.
func TestTargetThatIsNeverReady(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "pids")
	c, err := startTarget(t.Context(), "sh -c 'trap \"\" TERM; echo waiting for a disk; sleep 300 & echo $$ $! > "+mark+"; wait; sleep 300'", freeAddress(t), patience{2 * time.Second, time.Second})
	var absent *payload.NotReadyError
	if c != nil || !errors.As(err, &absent) || !strings.Contains(err.Error(), "was not ready at 127.0.0.1:") || !strings.HasSuffix(err.Error(), "within 2s: it still runs, and its log ends: waiting for a disk") {
		t.Fatalf("%v, %v", c, err)
	}
	text, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		gone(t, pid)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := startTarget(ctx, "sleep 300", freeAddress(t), targetPatience); !errors.Is(err, context.Canceled) {
		t.Errorf("a start that is called off ends with %v", err)
	}
}

func TestWordsOfACommand(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		got, err := words(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	f("a", "a")
	f("  a  b\tc\n", "a", "b", "c")
	f(`a 'b c' "d 'e' f"`, "a", "b c", "d 'e' f")
	f(`--x='a b'c`, "--x=a bc")
	f(`a ''`, "a", "")
	f(`a $HOME \n *`, "a", "$HOME", `\n`, "*")
	for _, text := range []string{"", " ", "a 'b", `a "b'`} {
		if got, err := words(text); err == nil {
			t.Errorf("%q gives %q", text, got)
		}
	}
}
