package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/ptytest"
	"sluice/loadtest/result"
)

// under is a run that has lasted for two seconds or more: on a busy machine no block may show the second one.
var under = regexp.MustCompile(`\b([2-9]|\d\d+) s of 5m`)

// In a terminal, control-C in the middle of a run leaves the last block on the screen and below
// it the report, with the cursor visible and lines that wrap again.
func TestLoadtestGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	s := startStub(t, "")
	master, slave := ptytest.Open(t)
	saved := filepath.Join(t.TempDir(), "result.json")
	cmd := exec.Command(sluice, "loadtest", "run", s.Addr(), "--model", "stub", "--load", "constant:100", "--warmup", "0s", "--duration", "5m", "--json", saved)
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0} // so that control-C is a signal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }() // if the test has failed before its end
	if err := slave.Close(); err != nil {     // the child alone has it: its end is the end of what is read
		t.Fatal(err)
	}
	if err := master.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	screen := ptytest.NewScreen()
	var all strings.Builder
	asked, hidden := false, false
	buffer := make([]byte, 1<<16)
	for {
		n, err := master.Read(buffer)
		all.Write(buffer[:n])
		if _, err := screen.Write(buffer[:n]); err != nil {
			t.Fatal(err)
		}
		hidden = hidden || screen.Hidden
		if !asked && under.MatchString(screen.Text()) {
			asked = true
			if _, err := master.WriteString("\x03"); err != nil {
				t.Fatal(err)
			}
		}
		if errors.Is(err, syscall.EIO) { // the other end is closed
			break
		}
		if err != nil {
			t.Fatalf("%v; the screen holds\n%s", err, screen.Text())
		}
	}
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text := screen.Text()
	if screen.Hidden || !screen.Wraps || screen.Err != nil || !hidden || !asked {
		t.Errorf("cursor hidden %v (once: %v), wraps %v, interrupted %v, %v", screen.Hidden, hidden, screen.Wraps, asked, screen.Err)
	}
	block, report := strings.Index(text, "ms, 1 s"), strings.Index(text, "Latency of good answers")
	if block < 0 || report < block || strings.Count(text, "ms, 1 s") != 1 || !strings.Contains(text[:max(block, 0)], "constant:100") {
		t.Errorf("the screen holds\n%s", text)
	}
	r := readJSON(t, saved)
	if code := cmd.ProcessState.ExitCode(); !r.Interrupted || code != r.Exit.Code || code != result.ExitInterrupted && !(code == result.ExitInvalid && busy(r)) {
		t.Errorf("status %d, interrupted %v, %+v %q", code, r.Interrupted, r.Exit, r.Validity.Reasons)
	}
}
