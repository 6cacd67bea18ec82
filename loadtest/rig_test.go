package loadtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"sluice/loadtest/live"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/stub"
)

func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(4) // for the sending threads, the servers and the test
	goleak.VerifyTestMain(m)
}

// stubbed starts a fault server.
func stubbed(t *testing.T, behaviour string) *stub.Server {
	t.Helper()
	o, err := stub.Parse(behaviour)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stub.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// to are options of a test against an address, that looks at nothing but answers.
func to(addr string) Options {
	return Options{Target: Target{URL: addr, PID: -1, Metrics: "none", Payload: payload.Options{Variants: 8}}, Seed: 3, Tool: "test"}
}

// variants is how many payloads a target is prepared with, and asked each of twice to learn the answers.
const variants = 8

// whole checks what every result must have, and that it can be written and read again.
func whole(t *testing.T, r *result.Result, err error) *result.Result {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	l := r.Ledger
	if l.Close(); l.Closed != r.Ledger.Closed {
		t.Errorf("the ledger says that it is closed: %v, and is: %v", r.Ledger.Closed, l.Closed)
	}
	if r.Schema != result.Schema || r.Start == "" || len(r.Targets) == 0 || r.Verdict == "" || r.Exit.Reason == "" || r.Env.Tool != "test" {
		t.Errorf("the result lacks something: %+v", r)
	}
	var text bytes.Buffer
	if err := result.Write(&text, r); err != nil {
		t.Fatal(err)
	}
	if _, err := result.Read(&text); err != nil {
		t.Error(err)
	}
	return r
}

// failsWith runs a test that must not begin.
func failsWith[E error](t *testing.T, r *result.Result, err error, want string) {
	t.Helper()
	var kind E
	if !errors.As(err, &kind) || !strings.Contains(err.Error(), want) || r != nil {
		t.Errorf("error %v of type %T, want one with %q of type %T", err, err, want, kind)
	}
}

// watcher is a view that keeps what it hears. It is called from one goroutine at a time, which
// the race detector holds it to: nothing here is guarded.
type watcher struct {
	titles, notes []string
	shown         []live.Snapshot
	onTitle       func()
	onShow        func(shown int)
	onNote        func(notes int)
}

func (w *watcher) Title(text string) {
	w.titles = append(w.titles, text)
	if w.onTitle != nil {
		w.onTitle()
	}
}

func (w *watcher) Show(s live.Snapshot) {
	w.shown = append(w.shown, s)
	if w.onShow != nil {
		w.onShow(len(w.shown))
	}
}

func (w *watcher) Note(text string) {
	w.notes = append(w.notes, text)
	if w.onNote != nil {
		w.onNote(len(w.notes))
	}
}

// oipServer is a small server of the Open Inference Protocol whose models multiply x, FP32
// [-1,2], by a factor.
type oipServer struct {
	factors map[string]float64
	// wrong is the model that answers wrongly while it is set.
	wrong atomic.Pointer[string]
	// unstable answers each time differently.
	unstable bool

	mu sync.Mutex
	// bodies of infer requests with what their heads say, by model.
	bodies map[string][]received
	count  int
}

type received struct {
	body   string
	header http.Header
}

func (s *oipServer) start(t *testing.T) string {
	t.Helper()
	s.bodies = map[string][]received{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// heard returns what was sent to a model so far, and forgets it.
func (s *oipServer) heard(model string) []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.bodies[model]
	delete(s.bodies, model)
	return all
}

// ServeHTTP implements http.Handler.
func (s *oipServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	path := strings.TrimPrefix(r.URL.Path, "/v2/models/")
	model, infer := strings.CutSuffix(path, "/infer")
	model = strings.TrimSuffix(model, "/ready")
	factor, known := s.factors[model]
	switch {
	case r.URL.Path == "/v2/health/ready" || r.URL.Path == "/v2":
		fmt.Fprint(w, `{"name":"small","version":"1"}`)
	case r.URL.Path == "/v2/repository/index":
		var all []map[string]string
		for name := range s.factors {
			all = append(all, map[string]string{"name": name, "version": "1", "state": "READY"})
		}
		_ = json.NewEncoder(w).Encode(all)
	case !known:
		http.Error(w, `{"error":"no such model"}`, http.StatusNotFound)
	case infer:
		s.infer(w, r, model, factor)
	default:
		fmt.Fprintf(w, `{"name":%q,"versions":["1"],"platform":"none","inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,2]}]}`, model)
	}
}

func (s *oipServer) infer(w http.ResponseWriter, r *http.Request, model string, factor float64) {
	body, err := io.ReadAll(r.Body)
	var request struct {
		ID     string
		Inputs []struct {
			Shape []int
			Data  []float64
		}
	}
	if err != nil || json.Unmarshal(body, &request) != nil || len(request.Inputs) != 1 {
		http.Error(w, `{"error":"not a request"}`, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.bodies[model] = append(s.bodies[model], received{string(body), r.Header.Clone()})
	s.count++
	count := s.count
	s.mu.Unlock()
	offset := 0.0
	if wrong := s.wrong.Load(); wrong != nil && *wrong == model {
		offset = 1
	}
	if s.unstable {
		offset = float64(count)
	}
	var y []float64
	for _, x := range request.Inputs[0].Data {
		y = append(y, float64(float32(x*factor+offset)))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"model_name": model, "model_version": "1", "id": request.ID,
		"outputs": []any{map[string]any{"name": "y", "datatype": "FP32", "shape": request.Inputs[0].Shape, "data": y}},
	})
}

// write makes a file in the test's own folder.
func write(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = t.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
