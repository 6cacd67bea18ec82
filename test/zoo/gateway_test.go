package zoo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/test/rig"
)

// root is the module's folder.
const root = "../.."

// binaryDir holds the gateways that are built for this package, each once.
var binaryDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sluice-zoo-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaryDir = dir
	os.Setenv("SLUICE_MODEL_DEFAULTS_WARMUP", "20ms")        // no test looks at times
	os.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state")) // of the gateways
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// gatewayBinary is the gateway as people run it.
func gatewayBinary(t *testing.T) string {
	t.Helper()
	dependOnSources(t)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) { return rig.Build(binaryDir) })

// link makes a gateway with flags of the linker.
func link(t *testing.T, name, flags string) string {
	t.Helper()
	dependOnSources(t)
	path := filepath.Join(binaryDir, name)
	cmd := exec.Command("go", "build", "-ldflags", flags, "-o", path, "./cmd/sluice")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the binary under test: %v\n%s", err, out)
	}
	return path
}

// dependOnSources looks at every Go file of the module: the test cache sees what a test opens
// itself, and not what `go build` reads.
func dependOnSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..":
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".c") || strings.HasSuffix(path, ".h"):
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatalf("cannot walk the module: %v", err)
	}
}

// needLibrary skips where ONNX Runtime has not been fetched.
func needLibrary(t *testing.T) {
	t.Helper()
	if os.Getenv("SLUICE_ONNXRUNTIME") != "" {
		return
	}
	path, err := filepath.Abs(root + "/.deps/onnxruntime/libonnxruntime.so")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skip("ONNX Runtime is not here: run scripts/onnxruntime.sh")
	}
	t.Setenv("SLUICE_ONNXRUNTIME", path)
}

// gateway is one under test.
type gateway struct {
	*rig.Gateway
	t      *testing.T
	url    string
	client *http.Client
}

// startGateway serves models and waits until each of them is ready or refused.
func startGateway(t *testing.T, binary string, models []*model) *gateway {
	t.Helper()
	needLibrary(t)
	running, err := rig.Launch(rig.Options{Binary: binary, Args: []string{"--models", bundles(t, models), "--drain-delay", "10ms"}})
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{Gateway: running, t: t, url: "http://" + running.Predict}
	g.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * clients}, Timeout: time.Minute}
	t.Cleanup(g.stop)
	limit, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if g.settled(len(models)) {
			return g
		}
		select {
		case <-g.Done():
			t.Fatalf("the gateway ended before it was ready: %v\n%s", g.Wait(), g.Log())
		case <-limit.Done():
			t.Fatalf("the gateway had not loaded its models within two minutes\n%s", g.Log())
		case <-tick.C:
		}
	}
}

// stop ends the process in order.
func (g *gateway) stop() {
	g.client.CloseIdleConnections()
	if took, err := g.Stop(30 * time.Second); err != nil {
		g.t.Errorf("the gateway ended with %v, %v after SIGTERM\n%s", err, took, g.Log())
	}
}

func (g *gateway) get(path string) (status int, body string) {
	res, err := g.client.Get(g.url + path)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

// state is a model's line in the repository's index.
type state struct{ Name, State, Reason string }

// index asks for the repository's index.
func (g *gateway) index() (states []state, err error) {
	res, err := g.client.Post(g.url+"/v2/repository/index", "application/json", strings.NewReader("{}"))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return states, json.NewDecoder(res.Body).Decode(&states)
}

// settled tells whether so many models are ready or refused.
func (g *gateway) settled(models int) bool {
	states, err := g.index()
	loading := func(s state) bool { return s.State == "LOADING" || s.State != "READY" && s.Reason == "" }
	return err == nil && len(states) == models && !slices.ContainsFunc(states, loading)
}

// state finds a model in the index.
func (g *gateway) state(name string) state {
	states, err := g.index()
	if err != nil {
		return state{Name: name, Reason: err.Error()}
	}
	if i := slices.IndexFunc(states, func(s state) bool { return s.Name == name }); i >= 0 {
		return states[i]
	}
	return state{Name: name, Reason: "not in the index"}
}

// degraded tells whether the gateway's readiness speaks of a model.
func (g *gateway) degraded(name string) bool {
	status, body := g.get("/v2/health/ready")
	return status == http.StatusOK && strings.Contains(body, name)
}

// batching is how the gateway says that a model's rows share runs.
func (g *gateway) batching(name string) string {
	_, body := g.get("/v2/models/" + name + "/config")
	var config struct {
		Parameters map[string]struct {
			Text string `json:"string_value"`
		}
	}
	if err := json.Unmarshal([]byte(body), &config); err != nil {
		return err.Error()
	}
	p := config.Parameters
	return fmt.Sprintf("%s, %s: %s", p["batching"].Text, p["batching_basis"].Text, p["batching_reason"].Text)
}

// infer sends a request and reads the outputs, and the rows of the run that it shared.
func (g *gateway) infer(name string, inputs []tensor, f form) (outputs []tensor, batch int, err error) {
	body, header := encode(inputs, f)
	req, err := http.NewRequest(http.MethodPost, g.url+"/v2/models/"+name+"/infer", bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Sluice-Budget-Ms", "20000")
	if f == asBinary {
		req.Header.Set("Inference-Header-Content-Length", strconv.Itoa(header))
	}
	res, err := g.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, 0, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("answered %d: %.300s", res.StatusCode, answer)
	}
	batch, _ = strconv.Atoi(res.Header.Get("Sluice-Batch"))
	length, _ := strconv.Atoi(res.Header.Get("Inference-Header-Content-Length"))
	outputs, err = decode(answer, length)
	return outputs, batch, err
}
