package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sluice/loadtest/result"
)

// The load tester starts its target, watches its process and stops it.
func TestLoadtestStartsItsTarget(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
