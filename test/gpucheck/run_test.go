package gpucheck

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// standIn is bin/bench: it notes what it was asked, and ends as the test says.
const standIn = `#!/usr/bin/env bash
echo "$*" >>"$CALLS"
case " $* " in
  *" -failed "*) exit 1 ;;
  *" -step $HANG "*) sleep 20 & trap "kill $!; exit 143" TERM; echo $! >"$CALLS.pid"; mv "$CALLS.pid" "$CALLS.child"; wait ;;
  *" -step $BREAK "*) exit "$STATUS" ;;
esac
`

// pack makes a folder as the packing script leaves it: a library in two pieces, a link in
// a list, sums of the whole files.
func pack(t *testing.T) (dir string, library []byte) {
	t.Helper()
	dir = t.TempDir()
	script, err := os.ReadFile(filepath.Join("..", "..", "scripts", "gpu_check_run.sh"))
	if err != nil {
		t.Fatal(err)
	}
	library = bytes.Repeat([]byte("library"), 1000)
	var sums strings.Builder
	sum := func(name string, text []byte) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(text), name)
	}
	write := func(name string, text []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"run.sh": string(script), "bin/bench": standIn, "bin/sluice": "", "models/encoder/1/model.onnx": "e", "models/digits/1/model.onnx": "d",
	} {
		write(name, []byte(text))
		sum(name, []byte(text))
	}
	sum("lib/libonnxruntime.so", library)
	write("lib/libonnxruntime.so.piece-000", library[:3000])
	write("lib/libonnxruntime.so.piece-001", library[3000:])
	write("lib/links", []byte("libonnxruntime.so libonnxruntime.so.1\n"))
	write("pieces", []byte("lib/libonnxruntime.so\n"))
	write("SHA256SUMS", []byte(sums.String()))
	return dir, library
}

// command is run.sh with a device and an output folder.
func command(t *testing.T, dir string, env ...string) (cmd *exec.Cmd, calls string, said *bytes.Buffer) {
	t.Helper()
	calls = filepath.Join(t.TempDir(), "calls")
	said = new(bytes.Buffer)
	cmd = exec.Command("bash", filepath.Join(dir, "run.sh"), "cuda:0", filepath.Join(dir, "out"))
	cmd.Env = append(os.Environ(), append([]string{"CALLS=" + calls, "HANG=none", "BREAK=none", "STATUS=0", "GPU_CHECK_QUICK="}, env...)...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 20 * time.Second
	return cmd, calls, said
}

func status(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return 0
}

func text(t *testing.T, path string) string {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// stepsOf are the steps that were asked for, and those of which a failure was noted.
func stepsOf(calls string) (run, noted []string) {
	for line := range strings.Lines(calls) {
		_, rest, ok := strings.Cut(line, "-step ")
		name, _, _ := strings.Cut(rest, " ")
		switch {
		case !ok:
		case strings.Contains(line, " -failed "):
			noted = append(noted, name)
		default:
			run = append(run, name)
		}
	}
	return run, noted
}

const allSteps = "versions gates raw load nvml drill report"

func TestTheFolderIsJoinedAndEveryStepRuns(t *testing.T) {
	dir, library := pack(t)
	mine := filepath.Join(dir, "out", "notes.md")
	if err := errors.Join(os.Mkdir(filepath.Dir(mine), 0o755), os.WriteFile(mine, []byte("keep"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second run finds everything joined
		cmd, calls, said := command(t, dir)
		if got := status(t, cmd.Run()); got != 0 {
			t.Fatalf("status %d\n%s", got, said)
		}
		if got := text(t, filepath.Join(dir, "lib", "libonnxruntime.so.1")); got != string(library) {
			t.Errorf("the library has %d bytes of %d", len(got), len(library))
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "lib", "*piece*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if text(t, mine) != "keep" {
			t.Error("a file that was no result was changed")
		}
		asked := text(t, calls)
		if run, noted := stepsOf(asked); strings.Join(run, " ") != allSteps || len(noted) > 0 {
			t.Errorf("steps %v, failures %v", run, noted)
		}
		if !strings.Contains(asked, "-device cuda:0 ") || strings.Contains(asked, "-quick") || !strings.HasPrefix(asked, "resnet -dir ") {
			t.Errorf("asked:\n%s", asked)
		}
	}
}

func TestAQuickLookTakesSmallModels(t *testing.T) {
	dir, _ := pack(t)
	cmd, calls, said := command(t, dir, "GPU_CHECK_QUICK=1")
	if got := status(t, cmd.Run()); got != 0 {
		t.Fatalf("status %d\n%s", got, said)
	}
	if asked := text(t, calls); !strings.HasPrefix(asked, "resnet -tiny ") || strings.Count(asked, " -quick\n") != 7 {
		t.Errorf("asked:\n%s", asked)
	}
}

// CUDA's libraries need not be packed where the machine has them.
func TestFoldersOfTheMachineAreUsed(t *testing.T) {
	f := func(folders, want, refusal string) {
		t.Helper()
		dir, _ := pack(t)
		cmd, calls, said := command(t, dir, "GPU_CHECK_FOLDERS="+folders)
		if refusal != "" {
			if got := status(t, cmd.Run()); got != 2 || !strings.Contains(said.String(), refusal) {
				t.Errorf("%q: status %d, want %q in\n%s", folders, got, refusal, said)
			}
			return
		}
		if got := status(t, cmd.Run()); got != 0 {
			t.Fatalf("%q: status %d\n%s", folders, got, said)
		}
		if asked := text(t, calls); strings.Count(asked, "-library-folders "+dir+"/lib"+want+" -models") != 7 {
			t.Errorf("%q: asked:\n%s", folders, asked)
		}
	}
	one, two := t.TempDir(), t.TempDir()
	f("", "", "")
	f(one, ":"+one, "")
	f(one+":"+two, ":"+one+":"+two, "")
	f(one+":"+two+"/none", "", two+"/none, which is not a folder's full path")
	f("lib", "", "names lib, which is not a folder's full path")
}

// A step that fails, ends unasked or is cut short is the check's failure and keeps no
// other step from running.
func TestAStepThatFailsKeepsNoOtherFromRunning(t *testing.T) {
	f := func(code, wantNoted string) {
		t.Helper()
		dir, _ := pack(t)
		cmd, calls, said := command(t, dir, "BREAK=raw", "STATUS="+code)
		if got := status(t, cmd.Run()); got != 1 {
			t.Errorf("a step ended with %s: status %d\n%s", code, got, said)
		}
		run, noted := stepsOf(text(t, calls))
		if strings.Join(run, " ") != allSteps || strings.Join(noted, " ") != wantNoted {
			t.Errorf("a step ended with %s: steps %v, failures %v", code, run, noted)
		}
	}
	f("1", "") // it has noted itself what failed
	f("2", "raw")
	f("137", "raw")
	f("124", "raw")
}

func TestAFolderThatIsNotWholeIsRefused(t *testing.T) {
	f := func(spoil func(dir string) error, want string) {
		t.Helper()
		dir, _ := pack(t)
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		cmd, calls, said := command(t, dir)
		if got := status(t, cmd.Run()); got != 2 || !strings.Contains(said.String(), want) {
			t.Errorf("status %d, want %q in\n%s", got, want, said)
		}
		if _, err := os.Stat(calls); err == nil {
			t.Errorf("something was run: %s", text(t, calls))
		}
	}
	f(func(dir string) error { return os.Remove(filepath.Join(dir, "lib", "libonnxruntime.so.piece-001")) }, "not as it was packed")
	f(func(dir string) error {
		return os.Truncate(filepath.Join(dir, "models", "encoder", "1", "model.onnx"), 0)
	}, "not as it was packed")
	f(func(dir string) error {
		return errors.Join(os.Remove(filepath.Join(dir, "lib", "libonnxruntime.so.piece-000")), os.Remove(filepath.Join(dir, "lib", "libonnxruntime.so.piece-001")))
	}, "cannot join lib/libonnxruntime.so")
}

// Ctrl-C ends the step that runs, and what it started.
func TestASignalStopsTheStep(t *testing.T) {
	dir, _ := pack(t)
	cmd, calls, said := command(t, dir, "HANG=load")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := os.Stat(calls + ".child"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			t.Fatalf("the step did not begin\n%s", said)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := status(t, cmd.Wait()); got != 2 {
		t.Errorf("status %d\n%s", got, said)
	}
	if run, _ := stepsOf(text(t, calls)); run[len(run)-1] != "load" {
		t.Errorf("steps %v", run)
	}
	var child int
	if _, err := fmt.Sscan(text(t, calls+".child"), &child); err != nil {
		t.Fatal(err)
	}
	for syscall.Kill(child, 0) == nil {
		if time.Now().After(deadline.Add(5 * time.Second)) {
			t.Fatalf("the step's child %d runs on", child)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
