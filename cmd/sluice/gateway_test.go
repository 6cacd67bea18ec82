package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests of this package run the real binary on real models, as a user would.

const examples = "../../examples/models"

var sluice string // path of the binary under test

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sluice-test-")
	if err != nil {
		panic(err)
	}
	sluice = filepath.Join(dir, "sluice")
	build := exec.Command("go", "build", "-o", sluice, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the binary under test: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// needLibrary skips where ONNX Runtime has not been fetched.
func needLibrary(t testing.TB) {
	t.Helper()
	if path := os.Getenv("SLUICE_ONNXRUNTIME"); path != "" {
		return
	}
	path, err := filepath.Abs("../../.deps/onnxruntime/libonnxruntime.so")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skip("ONNX Runtime is not here: run scripts/onnxruntime.sh")
	}
	t.Setenv("SLUICE_ONNXRUNTIME", path)
}

// running is a gateway process.
type running struct {
	t              *testing.T
	cmd            *exec.Cmd
	predict, admin string // base URLs
	stdout, log    transcript
	ended          chan error
}

// transcript is a process's output, readable while it runs.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startGateway runs `sluice serve` and waits until it is ready.
func startGateway(t *testing.T, args ...string) *running {
	t.Helper()
	g := launchGateway(t, args...)
	g.awaitReady()
	return g
}

// launchGateway runs `sluice serve` and waits until it answers.
func launchGateway(t *testing.T, args ...string) *running {
	t.Helper()
	return launchAs(t, exec.Command, args...)
}

// launchAs is launchGateway for a process that is made otherwise, such as in a cage.
func launchAs(t *testing.T, command func(name string, args ...string) *exec.Cmd, args ...string) *running {
	t.Helper()
	return launchWith(t, launch{command: command}, args...)
}

// launchGatewayOn is launchGateway with streams that are somebody else's.
func launchGatewayOn(t *testing.T, stdout, stderr *os.File, args ...string) *running {
	t.Helper()
	return launchWith(t, launch{command: exec.Command, stdout: stdout, stderr: stderr}, args...)
}

// launch says how a process is made; a stream that is nil is kept.
type launch struct {
	command        func(name string, args ...string) *exec.Cmd
	stdout, stderr *os.File
}

func launchWith(t *testing.T, how launch, args ...string) *running {
	t.Helper()
	needLibrary(t)
	g := &running{t: t, ended: make(chan error, 1)}
	predict, admin := freeAddress(t), freeAddress(t)
	for admin == predict {
		admin = freeAddress(t)
	}
	g.predict, g.admin = "http://"+predict, "http://"+admin
	g.cmd = how.command(sluice, append([]string{"serve", "--listen", predict, "--admin", admin, "--drain-delay", "100ms"}, args...)...)
	g.cmd.Stdout, g.cmd.Stderr = &g.stdout, &g.log
	if how.stdout != nil {
		g.cmd.Stdout = how.stdout
	}
	if how.stderr != nil {
		g.cmd.Stderr = how.stderr
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { g.ended <- g.cmd.Wait() }()
	t.Cleanup(g.stop)
	g.await("live")
	return g
}

func (g *running) awaitReady() {
	g.t.Helper()
	g.await("ready")
}

// await waits until the gateway is live or ready.
func (g *running) await(state string) {
	g.t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		if status, _ := g.get(g.predict + "/v2/health/" + state); status == http.StatusOK {
			return
		}
		select {
		case err := <-g.ended:
			g.ended <- err
			g.t.Fatalf("the gateway ended before it was %s: %v\n%s", state, err, g.log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	g.t.Fatalf("the gateway was not %s within a minute\n%s", state, g.log.String())
}

// stopWithin is how long a gateway may take to end. Beside processes that take all cores the kernel needs up to
// half a minute to take away what watches the models folder, in the process or at its exit.
const stopWithin = time.Minute

// stop ends the process in order and wants it to say so with its status.
func (g *running) stop() {
	if g.ended == nil {
		return
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-g.ended:
		if err != nil {
			g.t.Errorf("the gateway ended with %v\n%s", err, g.log.String())
		}
	case <-time.After(stopWithin):
		_ = g.cmd.Process.Signal(syscall.SIGQUIT) // it tells what its goroutines do
		err := <-g.ended
		g.t.Errorf("the gateway did not stop within %v of SIGTERM, and ended with %v\n%s", stopWithin, err, g.log.String())
	}
	g.ended = nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func (g *running) get(url string) (int, string) { return read(http.Get(url)) }

func (g *running) post(url, body string) (int, string) {
	return read(http.Post(url, "application/json", strings.NewReader(body)))
}

func read(res *http.Response, err error) (int, string) {
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(body)
}

// infer sends a request to a model and wants status 200.
func (g *running) infer(model string, request []byte) []byte {
	g.t.Helper()
	status, body := g.post(g.predict+"/v2/models/"+model+"/infer", string(request))
	if status != http.StatusOK {
		g.t.Fatalf("%s answered %d: %s", model, status, body)
	}
	return []byte(body)
}

// goldenRow is one line of golden.jsonl.
type goldenRow struct {
	Request  json.RawMessage `json:"request"`
	Response struct {
		Outputs []output `json:"outputs"`
	} `json:"response"`
}

type output struct {
	Name  string    `json:"name"`
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"`
}

func golden(t *testing.T, model string) (rows []goldenRow) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, model, "1", "golden.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var row goldenRow
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// copyBundle puts a version of an example model into a models folder, whole at once.
func copyBundle(t *testing.T, model, dir, version string) {
	t.Helper()
	staged := filepath.Join(t.TempDir(), "bundle")
	if err := os.CopyFS(staged, os.DirFS(filepath.Join(examples, model, "1"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, model), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(staged, filepath.Join(dir, model, version)); err != nil {
		t.Fatal(err)
	}
}
