//go:build !race

// The examples are processes of their own, of which the race detector sees nothing.

package docs

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// blockLimit is how long one block may take.
const blockLimit = time.Minute

// Every block of the pages gives what the page says. A page is walked from top to bottom in
// a folder of its own that looks like the clone's root, beside a gateway that serves the example
// models.
func TestExamples(t *testing.T) {
	// The Python of the real clients goes first, where the caller names its folder.
	if dir := os.Getenv("SLUICE_CLIENTS_PYTHON"); dir != "" {
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	}
	sluice := binary(t)
	for _, path := range pages(t) {
		t.Run(path, func(t *testing.T) {
			p := page(t, path)
			if !slices.ContainsFunc(p.Blocks, func(b Block) bool { return b.Runs() }) {
				return
			}
			w := newWalk(t, sluice)
			if slices.ContainsFunc(p.Server(), func(flag string) bool { return strings.HasPrefix(flag, "bin/by-id/") }) {
				w.prepare()
			}
			own := slices.ContainsFunc(p.Blocks, func(b Block) bool { return b.Serves() })
			if !own && slices.ContainsFunc(p.Blocks, func(b Block) bool { return b.Runs() && asks(&b) }) {
				w.serve(exec.Command(sluice, append([]string{"serve", "--models", "examples/models"}, p.Server()...)...), os.Environ())
			}
			for i := range p.Blocks {
				w.block(p, i)
			}
		})
	}
}

// binary is the command under test. `make examples` names it; `make test` runs that beside the unit
// tests, so they leave it out.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("SLUICE_BINARY")
	if path == "" {
		t.Skip("SLUICE_BINARY names no command: run make examples")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// walk is one page being walked.
type walk struct {
	t       *testing.T
	dir     string
	predict string
	admin   string
	address *strings.Replacer // from the page's addresses to the gateway's, and to that of a Redis
	back    *strings.Replacer
	stop    func() // ends the gateway
	last    string // what the last block that was run printed
	ran     bool   // it was run
}

// redisSettings are read from a copy with the port that the Redis of the page has.
const redisSettings = "examples/features/redis.yaml"

func newWalk(t *testing.T, binary string) *walk {
	t.Helper()
	w := &walk{t: t, dir: t.TempDir(), predict: freeAddress(t), admin: freeAddress(t), stop: func() {}}
	_, redis, _ := net.SplitHostPort(freeAddress(t))
	t.Cleanup(func() { w.stop() })
	w.link(binary)
	w.address = strings.NewReplacer("localhost:8080", w.predict, "127.0.0.1:8080", w.predict, "localhost:8081", w.admin, "127.0.0.1:8081", w.admin, "6379", redis, redisSettings, "redis.yaml")
	settings, err := os.ReadFile(filepath.Join(root, redisSettings))
	if err == nil {
		err = os.WriteFile(filepath.Join(w.dir, "redis.yaml"), []byte(w.address.Replace(string(settings))), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.back = strings.NewReplacer(w.predict, "localhost:8080", w.admin, "localhost:8081")
	return w
}

var (
	// finds are the commands that ask the gateway where the settings say that it is.
	finds = regexp.MustCompile(`sluice (health|sample|models (canary|diff|history|list|promote|rollback))`)
	// names are those that say so themselves, and the programs of docs/clients.md, which do.
	names = regexp.MustCompile(`(localhost|127\.0\.0\.1):808[01]|client\.(py|mjs|go)`)
)

// asks reports whether a block wants a gateway.
func asks(b *Block) bool {
	return finds.MatchString(b.Text) || names.MatchString(b.Text)
}

// link makes the folder look like the clone's root, but for the Go module: an example in Go stands
// alone.
func (w *walk) link(binary string) {
	w.t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		w.t.Fatal(err)
	}
	from, err := filepath.Abs(root)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if slices.Contains([]string{"go.mod", "go.sum", "bin", ".git"}, e.Name()) {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(w.dir, e.Name())); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(w.dir, "bin"), 0o755), os.Symlink(binary, filepath.Join(w.dir, "bin", "sluice"))); err != nil {
		w.t.Fatal(err)
	}
}

// serve runs a gateway until the next one, or until the page has been walked.
func (w *walk) serve(command *exec.Cmd, env []string) {
	w.t.Helper()
	w.stop()
	address := w.predict
	var log bytes.Buffer
	command.Dir, command.Stderr = w.dir, &log
	command.Env = append(env, "SLUICE_LISTEN="+w.predict, "SLUICE_ADMIN="+w.admin, "XDG_STATE_HOME="+filepath.Join(w.dir, "state"))
	if err := command.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	w.stop = func() {
		w.t.Helper()
		w.stop = func() {}
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				w.t.Errorf("the gateway ended with %v\n%s", err, log.String())
			}
		case <-time.After(30 * time.Second):
			_ = command.Process.Kill()
			w.t.Error("the gateway did not stop within 30 s of SIGTERM")
		}
	}
	for begin := time.Now(); ; {
		if answer, err := http.Get("http://" + address + "/v2/health/ready"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-ended:
			ended <- nil
			w.t.Fatalf("the gateway ended before it was ready: %v\n%s", err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(begin) > time.Minute {
			w.t.Fatal("the gateway was not ready within a minute")
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// block does what block i is for: it is written as a file, run, compared with, or passed over.
func (w *walk) block(p *Page, i int) {
	w.t.Helper()
	b := &p.Blocks[i]
	switch {
	case b.File() != "":
		if err := os.WriteFile(filepath.Join(w.dir, b.File()), []byte(w.address.Replace(b.Text)), 0o644); err != nil {
			w.t.Fatal(err)
		}
	case b.IsOutput():
		if w.ran && !Matches(b.Text, w.back.Replace(w.last)) {
			w.t.Errorf("%s:%d shows\n%sand the block above it prints\n%s", p.Path, b.Line, b.Text, w.last)
		}
	case b.Beside() != "":
		w.beside(b)
	case b.Serves():
		w.serve(exec.Command("bash", "-euc", "exec "+w.address.Replace(b.Text)), w.environment())
	case !b.Runs():
		w.ran = false
	default:
		if w.ran = w.has(p, b); w.ran {
			w.run(p, b)
		}
	}
}

// needs are the commands that tell whether what a block needs is there.
var needs = map[string][]string{
	"node":         {"node", "-e", "fetch"},
	"redis-server": {"redis-server", "--version"},
	"tritonclient": {"python3", "-c", "import tritonclient.http"},
	"":             {"true"},
}

// has reports whether a block can be run here. Where SLUICE_REQUIRE_EXAMPLES is 1 it must be.
func (w *walk) has(p *Page, b *Block) bool {
	w.t.Helper()
	probe, known := needs[b.Needs()]
	if !known {
		w.t.Fatalf("%s:%d needs %q, of which this test does not know how to look for it", p.Path, b.Line, b.Needs())
	}
	command := exec.Command(probe[0], probe[1:]...)
	if command.Run() == nil {
		return true
	}
	if os.Getenv("SLUICE_REQUIRE_EXAMPLES") == "1" {
		w.t.Errorf("%s:%d cannot be run: %s is not here", p.Path, b.Line, b.Needs())
	} else {
		w.t.Logf("%s:%d is not run: %s is not here", p.Path, b.Line, b.Needs())
	}
	return false
}

func (w *walk) run(p *Page, b *Block) {
	w.t.Helper()
	if strings.Contains(b.Text, "curl") && !p.shown(b) {
		w.t.Errorf("%s:%d asks a server, and no output under it says what has to come: curl succeeds whatever the answer is", p.Path, b.Line)
	}
	ctx, cancel := context.WithTimeout(context.Background(), blockLimit)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", w.address.Replace(b.Text))
	command.Dir, command.WaitDelay = w.dir, time.Second
	command.Env = w.environment()
	if finds.MatchString(b.Text) {
		command.Env = append(command.Env, "SLUICE_LISTEN="+w.predict, "SLUICE_ADMIN="+w.admin)
	}
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		w.t.Errorf("%s:%d ended with %v\n%s%s", p.Path, b.Line, err, out.String(), errs.String())
	}
	w.last = out.String()
}

// environment is a newcomer's, with the library if the binary does not find it by itself.
func (w *walk) environment() []string {
	env := newcomer()
	if _, err := os.Stat(root + "/.deps/onnxruntime/libonnxruntime.so"); err != nil {
		env = append(env, "SLUICE_ONNXRUNTIME="+os.Getenv("SLUICE_ONNXRUNTIME"))
	}
	return env
}
