package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/serve"
	"sluice/test/rig"
)

// The tests of this package run the real binary on real models, as a user would.

const examples = "../../examples/models"

const mebibyte = 1 << 20

var exampleModels = []string{"digits", "encoder", "eta", "ranker"}

var (
	sluice string // path of the binary under test
	states string // folder of the states of gateways that name none, by their test
)

func TestMain(m *testing.M) {
	serve.Child() // a server in the test's own process loads a model on trial
	dir, err := os.MkdirTemp("", "sluice-test-")
	if err != nil {
		panic(err)
	}
	states = filepath.Join(dir, "state")
	os.Setenv("XDG_STATE_HOME", states) // of commands that read it
	if sluice, err = rig.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv("SLUICE_ONNXRUNTIME") == "" {
		useFetchedLibrary()
	}
	if os.Getenv(drillStrict) == "" { // where times are judged, they are measured for as long as by default
		os.Setenv("SLUICE_MODEL_DEFAULTS_WARMUP", "60ms")
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}))
}

// useFetchedLibrary names the library that scripts/onnxruntime.sh has fetched, if it has.
func useFetchedLibrary() {
	path, err := filepath.Abs("../../.deps/onnxruntime/libonnxruntime.so")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err == nil {
		os.Setenv("SLUICE_ONNXRUNTIME", path)
	}
}

// needLibrary skips where ONNX Runtime has not been fetched.
func needLibrary(t testing.TB) {
	t.Helper()
	if os.Getenv("SLUICE_ONNXRUNTIME") == "" {
		t.Skip("ONNX Runtime is not here: run scripts/onnxruntime.sh")
	}
}

// beside lets a test run beside others, as t.Parallel does, but not where times are judged.
func beside(t *testing.T) {
	t.Helper()
	if os.Getenv(drillStrict) == "" {
		t.Parallel()
	}
}

// running is a gateway under test.
type running struct {
	*rig.Gateway
	t              *testing.T
	predict, admin string // base URLs
	over           bool   // the test has seen its end
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
	return launch(t, rig.Options{}, args...)
}

// launch is launchGateway for a process in a cage, or with streams that are somebody else's.
func launch(t *testing.T, o rig.Options, args ...string) *running {
	t.Helper()
	g := spawn(t, o, args...)
	g.await("/v2/health/live")
	return g
}

// spawn runs `sluice serve` until the test ends, and does not wait.
func spawn(t *testing.T, o rig.Options, args ...string) *running {
	t.Helper()
	needLibrary(t)
	o.Binary, o.Args = sluice, append([]string{"--drain-delay", "100ms"}, args...)
	o.Env = append(o.Env, "XDG_STATE_HOME="+filepath.Join(states, t.Name())) // one gateway at a time holds a state, and others follow it
	gateway, err := rig.Launch(o)
	if err != nil {
		t.Fatal(err)
	}
	g := &running{Gateway: gateway, t: t, predict: "http://" + gateway.Predict, admin: "http://" + gateway.Admin}
	t.Cleanup(g.stop)
	return g
}

func (g *running) awaitReady() {
	g.t.Helper()
	g.await("/v2/health/ready")
}

// await waits until a path of the predict port answers 200.
func (g *running) await(path string) {
	g.t.Helper()
	if err := g.Await(path, time.Minute); err != nil {
		g.t.Fatalf("%v\n%s", err, g.Log())
	}
}

// stopWithin is how long a gateway may take to end. Beside processes that take all cores the kernel needs up to
// half a minute to take away what watches the models folder, in the process or at its exit.
const stopWithin = time.Minute

// stop ends the process in order and wants it to say so with its status.
func (g *running) stop() {
	if g.over {
		return
	}
	g.over = true
	if took, err := g.Stop(stopWithin); err != nil {
		g.t.Errorf("the gateway ended with %v, %v after SIGTERM\n%s", err, took, g.Log())
	}
}

// end waits for a process that the test ends in its own way.
func (g *running) end(within time.Duration) error {
	g.t.Helper()
	g.over = true
	select {
	case <-g.Done():
	case <-time.After(within):
		g.End()
		g.t.Fatalf("the gateway did not end within %v\n%s", within, g.Log())
	}
	return g.Wait()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := rig.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
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

// infer sends a request to a model and wants status 200, however busy the machine is.
func (g *running) infer(model string, request []byte) []byte {
	g.t.Helper()
	r, err := http.NewRequest(http.MethodPost, g.predict+"/v2/models/"+model+"/infer", bytes.NewReader(request))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sluice-Budget-Ms", "10000")
	status, body := read(http.DefaultClient.Do(r))
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

// onlyEta is a folder with the example eta alone, for what is the same with any models: a gateway is ready sooner with one.
func onlyEta(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	copyBundle(t, "eta", dir, "1")
	return dir
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
