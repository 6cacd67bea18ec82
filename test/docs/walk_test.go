//go:build !race

package docs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/internal/ptytest"
)

// A newcomer's first minutes: a clone, in a folder whose name has a space, `make run` on a terminal of 80
// columns, the command that it prints, the README's, and the binary from other folders.
func TestExamplesWalk(t *testing.T) {
	binary(t)
	dir := clone(t)
	sluice := filepath.Join(dir, "bin", "sluice")
	predict, admin := freeAddress(t), freeAddress(t)
	make := startMake(t, dir, "LISTEN="+predict, "ADMIN="+admin)
	screen := make.until(t, "metrics on http://"+admin+"/metrics")

	for _, line := range strings.Split(screen, "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("a line of %d columns on a terminal of 80: %s", n, line)
		}
	}
	_, printed, _ := strings.Cut(screen, "try:\n")
	printed, _, _ = strings.Cut(printed, "metrics on")
	f := func(name, want string, command ...string) {
		t.Helper()
		got, err := run("/", []string{"SLUICE_LISTEN=" + predict}, command...)
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, %s; want %s", name, err, got, want)
		}
	}
	f("the command that make run prints", `"model_name":"eta"`, "bash", "-euc", printed)
	readme := page(t, "README.md")
	asked := 0
	for i, b := range readme.Blocks {
		if strings.HasPrefix(b.Text, "curl -s localhost:8080/v2/models/") {
			f("README's command", strings.TrimSpace(readme.Blocks[i+1].Text), "bash", "-euc", strings.ReplaceAll(b.Text, "localhost:8080", predict))
			asked++
		}
	}
	if asked != 2 { // one with its features, and one by ids
		t.Errorf("README.md asks for %d predictions", asked)
	}
	f("health", "", sluice, "health")
	f("make help", "make gpu-check-software", "make", "-C", dir, "help")
	f("sample", `{"inputs":[{"name":"image"`, sluice, "sample", "digits")
	elsewhere(t, dir, sluice)

	make.stop(t)
	if got, err := run("/", []string{"SLUICE_LISTEN=" + predict}, sluice, "health"); exit(err) != 1 {
		t.Errorf("health of a server that has stopped: %v, %s", err, got)
	}
}

// elsewhere runs the binary of a clone from other folders: by its path, by a link, and as a copy.
func elsewhere(t *testing.T, clone, sluice string) {
	t.Helper()
	empty := t.TempDir()
	link, lone := filepath.Join(empty, "link"), filepath.Join(empty, "copy")
	content, err := os.ReadFile(sluice)
	if err = errors.Join(err, os.Symlink(sluice, link), os.WriteFile(lone, content, 0o755)); err != nil {
		t.Fatal(err)
	}
	const missing = "no library is named, and none was found beside the binary: set SLUICE_ONNXRUNTIME to the path of libonnxruntime.so"
	f := func(status int, want, in string, command ...string) {
		t.Helper()
		if got, err := run(in, nil, command...); exit(err) != status || !strings.Contains(got, want) {
			t.Errorf("in %s %q: status %d, %s; want %d, %s", in, command, exit(err), got, status, want)
		}
	}
	library := filepath.Join(clone, ".deps", "onnxruntime", "libonnxruntime.so")
	f(0, library, "/", sluice, "version")
	f(0, library, empty, link, "version")
	f(0, "none: cannot load ONNX Runtime: "+missing, empty, lone, "version")
	f(1, missing, "/", lone, "serve", filepath.Join(clone, "examples", "models"))
	f(1, "no models are named and the folder "+filepath.Join(empty, "models")+" is not there: name a folder with --models DIR", empty, sluice, "serve")
	f(1, "sluice: cannot find "+filepath.Join(empty, "none"), empty, sluice, "check", "none")
	f(0, "eta/1: served", "/", link, "check", "--devices", "cpu", filepath.Join(clone, "examples", "models", "eta", "1", "model.onnx"))
	f(0, "listen: 127.0.0.1:8080", "/", sluice, "config")
	f(0, "cpu          usable", empty, link, "devices", "--devices", "cpu")
}

// clone makes one of this repository, with what has been changed and not committed, and with what is in .deps.
func clone(t *testing.T) string {
	t.Helper()
	from, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, needed := range []string{".git", ".deps/onnxruntime/libonnxruntime.so"} {
		if _, err := os.Stat(filepath.Join(from, needed)); err != nil {
			t.Skipf("there is no clone to make, or its first run would fetch the library: %v", err)
		}
	}
	dir := filepath.Join(t.TempDir(), "a clone")
	const script = `git clone -q --no-hardlinks "$1" "$2" && cd "$1" &&
		git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf - 2>/dev/null | tar -xf - -C "$2" &&
		ln -sfn "$(readlink -f .deps)" "$2/.deps"`
	if got, err := run(from, nil, "bash", "-euo", "pipefail", "-c", script, "clone", from, dir); err != nil {
		t.Fatalf("cannot clone %s: %v\n%s", from, err, got)
	}
	return dir
}

// run is what a command prints on both outputs, with no settings but the given ones.
func run(dir string, env []string, command ...string) (string, error) {
	c := exec.Command(command[0], command[1:]...)
	c.Dir, c.WaitDelay = dir, time.Second
	c.Env = append(newcomer(), env...)
	timer := time.AfterFunc(blockLimit, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	out, err := c.CombinedOutput()
	return string(out), err
}

// newcomer is the environment without what tells make or Sluice something.
func newcomer() (env []string) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "SLUICE_") && !strings.HasPrefix(name, "MAKE") && name != "MFLAGS" {
			env = append(env, variable)
		}
	}
	return env
}

func exit(err error) int {
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.ExitCode()
	}
	return -1
}

// made is a `make run` on a terminal.
type made struct {
	command *exec.Cmd
	ended   chan error
	mu      sync.Mutex
	shown   bytes.Buffer
}

func startMake(t *testing.T, dir string, variables ...string) *made {
	t.Helper()
	master, slave := ptytest.Open(t)
	m := &made{command: exec.Command("make", append([]string{"run"}, variables...)...), ended: make(chan error, 1)}
	m.command.Dir, m.command.Env = dir, newcomer()
	m.command.Stdout, m.command.Stderr = slave, slave
	m.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.command.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(m, master)
	}()
	go func() { m.ended <- m.command.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-m.command.Process.Pid, syscall.SIGKILL) // of nothing, where it has been stopped
		slave.Close()
		master.Close()
		<-read
	})
	return m
}

// Write takes what the terminal is sent.
func (m *made) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shown.Write(p)
}

func (m *made) screen() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.ReplaceAll(m.shown.String(), "\r\n", "\n")
}

// until waits for a text on the terminal.
func (m *made) until(t *testing.T, text string) string {
	t.Helper()
	limit := time.After(5 * time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if screen := m.screen(); strings.Contains(screen, text) {
			tick.Stop()
			return screen
		}
		select {
		case err := <-m.ended:
			t.Fatalf("make run ended with %v\n%s", err, m.screen())
		case <-limit:
			t.Fatalf("make run does not print %q\n%s", text, m.screen())
		case <-tick.C:
		}
	}
}

// stop sends SIGTERM to the gateway, which make waits for.
func (m *made) stop(t *testing.T) {
	t.Helper()
	make := strconv.Itoa(m.command.Process.Pid)
	children, err := os.ReadFile("/proc/" + make + "/task/" + make + "/children")
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		t.Fatalf("make has the child processes %q, not one", children)
	}
	if err := syscall.Kill(child, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-m.ended:
		if err != nil {
			t.Errorf("make run ended with %v\n%s", err, m.screen())
		}
	case <-time.After(30 * time.Second):
		t.Error("the gateway did not stop within 30 s of SIGTERM")
	}
}
