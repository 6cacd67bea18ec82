package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/loadtest/result"
	"sluice/test/rig"
)

// shortRun makes a run of a stub, and returns what it did and its result. The answers that it
// is held to are those of a stub that makes no mistakes.
func shortRun(t *testing.T, behaviour, expect string, more ...string) (said, *result.Result) {
	t.Helper()
	s := startStub(t, behaviour)
	path := filepath.Join(t.TempDir(), "result.json")
	args := append([]string{"run", s.Addr(), "--model", "stub", "--expect", expect, "--variants", "16", "--warmup", "0s", "--ui", "none", "--json", path}, more...)
	got := loadtestCommandLine(t, args...)
	if got.err != "" {
		t.Fatalf("%v: standard error has %s", args, got.err)
	}
	r := readJSON(t, path)
	if r.Exit.Code != got.code {
		t.Errorf("%s: the status is %d, and the result says %+v", behaviour, got.code, r.Exit)
	}
	return got, r
}

// recorded asks a stub without faults for its answers.
func recorded(t *testing.T) string {
	t.Helper()
	s := startStub(t, "")
	path := filepath.Join(t.TempDir(), "expected.jsonl")
	got := loadtestCommandLine(t, "record", s.Addr(), "--model", "stub", "--variants", "16", "--out", path)
	if want := "16 answers are in " + path + "\n"; got.out != want || got.err != "" || got.code != 0 {
		t.Fatalf("record: %+v", got)
	}
	return path
}

// Each exit status of a run that was made, and which of several it is. What is decided by counts
// outranks what a busy machine can do to a run, so it cannot hide it; for the others see below.
func TestLoadtestExitStatus(t *testing.T) {
	t.Parallel()
	expect := recorded(t)
	const (
		tooFew = "p99.9<1s" // of some hundred requests
		failed = "mean<1ns"
	)
	for _, c := range []struct {
		behaviour string
		args      string
		code      int
		begins    string // the last line
	}{
		{"corrupt=50", "--load constant:400 --duration 500ms", result.ExitWrong, "WRONG ANSWERS: 4 answers are wrong, of 200 that were compared"},
		{"swap=50,delay=20ms", "--load constant:400 --duration 500ms", result.ExitWrong, "WRONG ANSWERS: "},
		{"repeat=50", "--load constant:400 --duration 500ms", result.ExitLedger, "LEDGER NOT CLOSED: "},
		{"corrupt=50,repeat=50", "--load constant:400 --duration 500ms --fail " + tooFew + " --fail " + failed, result.ExitLedger, "LEDGER NOT CLOSED: "},
		{"corrupt=50", "--load constant:400 --duration 500ms --fail " + tooFew + " --fail " + failed, result.ExitWrong, "WRONG ANSWERS: 4 answers"},
		{"", "--load constant:400 --duration 500ms --fail " + tooFew + " --fail " + failed, result.ExitInvalid, "INVALID: "},
		{"", "--load constant:400 --duration 500ms --fail " + tooFew, result.ExitInvalid, "INVALID: "},
	} {
		got, r := shortRun(t, c.behaviour, expect, strings.Fields(c.args)...)
		lines := strings.Split(strings.TrimSpace(got.out), "\n")
		last := lines[len(lines)-1]
		if got.code != c.code || !strings.HasPrefix(last, c.begins) {
			t.Errorf("%q %s: status %d, want %d; the last line is %q", c.behaviour, c.args, got.code, c.code, last)
		}
		word, _, _ := strings.Cut(c.begins, ":")
		if strings.Count(last, word) != 1 {
			t.Errorf("the last line says its state twice: %q", last)
		}
		if r.Ledger.Scheduled != 200 || r.Ledger.OK+r.Ledger.Wrong != 200 || r.Verify.Checked < 200-int64(r.Ledger.Extra)-8 {
			t.Errorf("%q: the ledger is %+v, verified %+v", c.behaviour, r.Ledger, r.Verify.Checked)
		}
		if strings.Contains(c.args, tooFew) && !strings.Contains(strings.Join(r.Validity.Reasons, "\n"), "p99.9 of 200 requests is no figure, it needs 4,603") {
			t.Errorf("%q: the reasons are %q", c.behaviour, r.Validity.Reasons)
		}
		if strings.Contains(c.args, failed) && r.Thresholds[len(r.Thresholds)-1].Pass {
			t.Errorf("%q: %+v", c.behaviour, r.Thresholds)
		}
		if swaps := strings.Contains(c.behaviour, "swap"); swaps != (r.Verify.CrossTalk > 0) {
			t.Errorf("%q: %d answers of other requests", c.behaviour, r.Verify.CrossTalk)
		}
	}
}

// The statuses that a busy machine may turn into INVALID. A run to which it happens
// is repeated, and in the end shows what it can: its ledger and its thresholds are held to in any
// case.
func TestLoadtestExitStatusOfValidRuns(t *testing.T) {
	expect := recorded(t)
	for _, c := range []struct {
		args    string
		code    int
		verdict string
	}{
		{"--load closed:1 --duration 500ms --fail wrong==0 --fail mean<1h", result.ExitOK, "OK: "},
		{"--load closed:1 --duration 500ms --fail wrong==0 --fail mean<1ns", result.ExitThreshold, "THRESHOLD FAILED: mean<1ns is "},
		{"--load constant:100 --duration 20s --abort p50<1us", result.ExitThreshold, "THRESHOLD FAILED: p50<1us is "},
	} {
		for try := 1; ; try++ {
			got, r := shortRun(t, "delay=1ms", expect, strings.Fields(c.args)...)
			if !r.Ledger.Closed || r.Ledger.OK != r.Ledger.Scheduled || r.Interrupted {
				t.Errorf("%s: the ledger is %+v", c.args, r.Ledger)
			}
			if pass := r.Thresholds[len(r.Thresholds)-1].Pass; pass != (c.code == result.ExitOK) {
				t.Errorf("%s: %+v", c.args, r.Thresholds)
			}
			if strings.Contains(c.args, "abort") && r.Load.Duration > 15 {
				t.Errorf("%s: the run lasted %g s", c.args, r.Load.Duration)
			}
			lines := strings.Split(strings.TrimSpace(got.out), "\n")
			if last := lines[len(lines)-1]; got.code == c.code {
				if !strings.HasPrefix(last, c.verdict) {
					t.Errorf("%s: the last line is %q, want %q", c.args, last, c.verdict)
				}
				break
			}
			if got.code != result.ExitInvalid || !busy(r) {
				t.Fatalf("%s: status %d, want %d; %q", c.args, got.code, c.code, r.Validity.Reasons)
			}
			if try == 4 {
				t.Logf("%s: this machine is too busy to show status %d: %q", c.args, c.code, r.Validity.Reasons)
				break
			}
		}
	}
}

// A target that contradicts itself has no right answers to record.
func TestLoadtestRecordsNoContradictions(t *testing.T) {
	t.Parallel()
	s := startStub(t, "corrupt=3")
	path := filepath.Join(t.TempDir(), "expected.jsonl")
	got := loadtestCommandLine(t, "record", s.Addr(), "--model", "stub", "--variants", "16", "--out", path)
	if got.code != result.ExitWrong || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.HasPrefix(got.err, "sluice: ") {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file is left: %v", err)
	}
}

// SIGINT ends a run and not its reports.
func TestLoadtestInterrupted(t *testing.T) {
	t.Parallel()
	s := startStub(t, "")
	dir := t.TempDir()
	saved, page := filepath.Join(dir, "result.json"), filepath.Join(dir, "page.html")
	p := startLoadtest(t, "run", s.Addr(), "--model", "stub", "--load", "constant:100", "--warmup", "0s", "--duration", "5m", "--ui", "plain", "--json", saved, "--html", page)
	eventually(t, "a second has been measured", func() bool { return strings.Contains(p.Log(), "\n1 s of ") })
	code := interrupt(t, p)
	r := readJSON(t, saved)
	if !r.Interrupted || r.Ledger.Scheduled == 0 || !r.Ledger.Closed || r.Load.Duration < 0.9 || r.Load.Duration > 200 {
		t.Errorf("interrupted %v after %g s, ledger %+v", r.Interrupted, r.Load.Duration, r.Ledger)
	}
	if code != r.Exit.Code || code != result.ExitInterrupted && !(code == result.ExitInvalid && busy(r)) {
		t.Errorf("status %d, result %+v, %q", code, r.Exit, r.Validity.Reasons)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "INTERRUPTED") || !strings.Contains(string(text), "</html>") {
		t.Errorf("the page: %v, %d bytes", err, len(text))
	}
	if out := p.Stdout(); !strings.Contains(out, "INTERRUPTED\n") || !strings.Contains(out, "Latency of good answers") {
		t.Errorf("the text is\n%s", out)
	}
}

// SIGINT before there is anything to report leaves no reports, not even over those of an earlier run.
func TestLoadtestInterruptedBeforeItBegan(t *testing.T) {
	t.Parallel()
	s := startStub(t, "delay=200ms") // each answer is asked for alone, which takes long
	dir := t.TempDir()
	old := filepath.Join(dir, "result.json")
	if err := os.WriteFile(old, []byte("of an earlier run"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startLoadtest(t, "run", s.Addr(), "--model", "stub", "--json", old, "--html", filepath.Join(dir, "page.html"))
	eventually(t, "the target is asked", func() bool { return s.Counts().Answered > 2 })
	if code := interrupt(t, p); code != result.ExitInterrupted || p.Log() != "sluice: interrupted before anything was measured\n" || p.Stdout() != "" {
		t.Errorf("status %d, standard error %q, standard output %q", code, p.Log(), p.Stdout())
	}
	text, err := os.ReadFile(old)
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || string(text) != "of an earlier run" || len(left) != 1 {
		t.Errorf("the earlier report is %q, %v; the folder has %v", text, err, left)
	}
}

// startLoadtest starts `sluice loadtest` and does not wait for its end.
func startLoadtest(t *testing.T, args ...string) *rig.Process {
	t.Helper()
	p, err := rig.Spawn(exec.Command(sluice, append([]string{"loadtest"}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill) // if the test has failed before its end
	return p
}

// interrupt sends SIGINT and returns the exit status.
func interrupt(t *testing.T, p *rig.Process) int {
	t.Helper()
	if err := p.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		t.Fatalf("the load tester goes on a minute after SIGINT:\n%s", p.Log())
	}
	return p.Status()
}
