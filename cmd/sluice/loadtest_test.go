package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/loadtest/result"
	"sluice/loadtest/stub"
)

// said is what a command of the load tester did.
type said struct {
	out, err string
	code     int
}

// loadtestCommandLine runs `sluice loadtest` to its end.
func loadtestCommandLine(t *testing.T, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, err bytes.Buffer
	cmd := exec.CommandContext(ctx, sluice, append([]string{"loadtest"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil && cmd.ProcessState == nil {
		t.Fatal(e)
	}
	return said{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// startStub starts a server that behaves as told.
func startStub(t *testing.T, behaviour string) *stub.Server {
	t.Helper()
	o, err := stub.Parse(behaviour)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stub.Start(o)
	if err != nil {
		t.Skipf("the stub runs on Linux alone: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// readJSON reads a result that --json wrote.
func readJSON(t *testing.T, path string) *result.Result {
	t.Helper()
	r, err := readResult(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// theMachine are the beginnings of the reasons for which the machine, not the test, makes a run
// INVALID.
var theMachine = []string{"the load tester was late", "the load tester itself came too late", "the load tester was the limit", "the sending thread", "the hypervisor"}

// busy says that a run is INVALID, and for no other reason than a busy machine.
func busy(r *result.Result) bool {
	ours := func(reason string) bool {
		return slices.ContainsFunc(theMachine, func(begin string) bool { return strings.HasPrefix(reason, begin) })
	}
	return !r.Validity.Valid && len(r.Validity.Reasons) > 0 && !slices.ContainsFunc(r.Validity.Reasons, func(s string) bool { return !ours(s) })
}

// A command line that asks for what there is not is refused in one sentence, with status 2, or 3
// where it is the target that is missing.
func TestLoadtestRefusesInOneSentence(t *testing.T) {
	t.Parallel()
	s := startStub(t, "")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty := write("empty.jsonl", "")
	backwards := write("backwards.jsonl", `{"sluice_trace":1,"start":"2026-11-25T09:00:00Z","clock":"monotonic"}
{"t_s":0.005,"model":"stub","rows":1}
{"t_s":0.003,"model":"stub","rows":1}
`)
	other := write("other.jsonl", `{"sluice_trace":1,"start":"2026-11-25T09:00:00Z","clock":"monotonic"}
{"t_s":0.005,"model":"dog","rows":1}
`)
	intervals := write("intervals", "5000\n-3\n")
	write("misfit.jsonl", `{"request":{"inputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[1,2]}]}}`+"\n")
	loading := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer loading.Close()
	nobody := freeAddress(t)
	known := map[string]string{"STUB": s.Addr(), "FOLDER": dir, "QUICK": "--model stub --no-verify --duration 200ms --warmup 0s --ui none", "EMPTY": empty, "BACKWARDS": backwards, "OTHER": other, "INTERVALS": intervals, "LOADING": strings.TrimPrefix(loading.URL, "http://"), "NOBODY": nobody, "CORES": strconv.Itoa(runtime.NumCPU() - 1)}
	var pairs []string
	for name, value := range known {
		pairs = append(pairs, name, value)
	}
	fill := strings.NewReplacer(pairs...)
	for _, c := range loadtestRefusals {
		args := strings.Split(fill.Replace(c.args), " ")
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		got := loadtestCommandLine(t, args...)
		if want := "sluice: " + fill.Replace(c.want) + "\n"; got.err != want || got.code != c.code || got.out != "" {
			t.Errorf("%s: status %d, want %d\n got %swant %sstdout %q", c.args, got.code, c.code, got.err, want, got.out)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "report*"))
	if err != nil || len(left) > 0 {
		t.Errorf("reports are left behind: %v, %v", left, err)
	}
}

// The JSON on standard output is one document and nothing else, whatever is shown meanwhile.
func TestLoadtestJSONOnStandardOutput(t *testing.T) {
	t.Parallel()
	s := startStub(t, "")
	for _, ui := range []string{"plain", "none", "auto"} {
		got := loadtestCommandLine(t, "run", s.Addr(), "--model", "stub", "--load", "closed:1", "--warmup", "0s", "--duration", "300ms", "--ui", ui, "--json", "-")
		d := json.NewDecoder(strings.NewReader(got.out))
		var r result.Result
		if err := d.Decode(&r); err != nil {
			t.Fatalf("--ui %s: %v", ui, err)
		}
		if d.More() || r.Schema != result.Schema || r.Ledger.Scheduled == 0 || r.Exit.Code != got.code {
			t.Errorf("--ui %s: status %d, more %v, %s, %d requests, exit %+v", ui, got.code, d.More(), r.Schema, r.Ledger.Scheduled, r.Exit)
		}
		if shown := got.err != ""; shown == (ui == "none") {
			t.Errorf("--ui %s shows %q", ui, got.err)
		}
		if strings.Contains(got.err, "\x1b") {
			t.Errorf("--ui %s writes to a terminal that is none: %q", ui, got.err)
		}
	}
}

// A disk that is full costs a report, a sentence and status 2; the other reports are written.
func TestLoadtestDiskIsFull(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full")
	}
	defer full.Close()
	s := startStub(t, "")
	// out is where the text goes; nil keeps it.
	f := func(sentences int, out *os.File, reports ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(sluice, append([]string{"loadtest", "run", s.Addr(), "--model", "stub", "--load", "closed:1", "--warmup", "0s", "--duration", "200ms", "--ui", "none"}, reports...)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if out != nil {
			cmd.Stdout = out
		}
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		for _, text := range []string{"\n", "sluice: cannot write the report", "no space left on device"} {
			if strings.Count(stderr.String(), text) != sentences {
				t.Errorf("%v: standard error has\n%s", reports, stderr.String())
				break
			}
		}
		// A run that a busy machine made INVALID is worse than a report that is missing.
		if code := cmd.ProcessState.ExitCode(); code != result.ExitUsage && code != result.ExitInvalid {
			t.Errorf("%v: status %d", reports, code)
		}
		if out == nil && !strings.Contains(stdout.String(), "Latency of good answers") {
			t.Errorf("%v: the text is not printed:\n%s", reports, stdout.String())
		}
	}
	f(1, nil, "--json", "/dev/full")
	f(1, nil, "--html", "/dev/full")
	f(1, nil, "--hgrm", "/dev/full")
	f(2, nil, "--json", "/dev/full", "--html", "/dev/full")
	saved := filepath.Join(t.TempDir(), "result.json")
	f(1, full, "--json", saved)
	if r := readJSON(t, saved); r.Ledger.Scheduled == 0 {
		t.Error("the result that was written has no requests")
	}
}

// Standard output that is closed costs the text alone.
func TestLoadtestStandardOutputIsClosed(t *testing.T) {
	t.Parallel()
	s := startStub(t, "")
	saved := filepath.Join(t.TempDir(), "result.json")
	cmd := exec.Command("sh", "-c", `exec "$0" loadtest run "$1" --model stub --load closed:1 --warmup 0s --duration 200ms --ui none --json "$2" >&-`, sluice, s.Addr(), saved)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r := readJSON(t, saved)
	if code := cmd.ProcessState.ExitCode(); len(out) != 0 && !strings.Contains(string(out), "cannot write the report to standard output") || code != r.Exit.Code && code != result.ExitUsage {
		t.Errorf("status %d, result %+v, output %s", code, r.Exit, out)
	}
}
