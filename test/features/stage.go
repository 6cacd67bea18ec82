package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/features/store"
	"sluice/internal/onnxgen"
	"sluice/internal/pgtest"
	"sluice/test/rig"
)

// What the models on the stage take.
const (
	columns     = 16
	entities    = 1000
	budget      = 20 * time.Millisecond // of a request
	groupBudget = 15 * time.Millisecond // of the reads for it
)

// stage is a gateway before a store. It serves the same small model three times: plain is sent its tensor, filled is
// sent ids and has defaults, and strict is sent ids and requires each value.
type stage struct {
	*rig.Gateway

	// budget is that of requests.
	budget time.Duration
	storage
	redis   *server         // nil if it is another store
	cluster *cluster        // so is it
	bouncer *pgtest.Bouncer // and it
	group   *store.Group
	keys    []store.Key
	names   []string // of the keys in Redis
	// right are the outputs for an id, as they are written.
	right []string
	asks  *http.Client
}

// newStage starts it. Requests have a budget, and so have the reads for one.
func newStage(binary, dir string, on func(*stage, string) (storage, error), budget, reads time.Duration) (s *stage, err error) {
	s = &stage{budget: budget, group: groupOf(columns), asks: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
	for id := range int64(entities) {
		s.keys = append(s.keys, idOf(id))
	}
	if s.storage, err = on(s, dir); err != nil {
		return s, err
	}
	defer func() { // what has begun ends
		if err != nil {
			s.end()
		}
	}()
	if err = s.fill(); err != nil {
		return s, err
	}
	models := filepath.Join(dir, "models")
	for _, model := range []string{"plain", "filled", "strict"} {
		if err = writeModel(models, model, reads); err != nil {
			return s, err
		}
	}
	settings, err := s.writeSettings(dir)
	if err != nil {
		return s, err
	}
	if s.Gateway, err = rig.Start(rig.Options{Binary: binary, Args: []string{"--config", settings, "--models", models}, Env: []string{"XDG_STATE_HOME=" + filepath.Join(dir, "state")}}); err != nil {
		return s, err
	}
	err = s.learn()
	return s, err
}

func writeModel(models, model string, reads time.Duration) error {
	dir := filepath.Join(models, model)
	if err := (onnxgen.MLP{Layers: []int{columns, 64, 1}, Seed: 5}).Write(dir, "1"); err != nil {
		return err
	}
	text := []byte("max_batch: 64\n")
	if model != "plain" {
		otherwise := "0"
		if model == "strict" {
			otherwise = "required"
		}
		text = fmt.Appendf(text, "features:\n  entities: {id: INT64}\n  groups:\n    entity: {store: hot, keys: [id], budget: %s}\n  inputs:\n    input:\n", reads)
		for c := range columns {
			text = fmt.Appendf(text, "      - {feature: %q, default: %s}\n", "entity:"+name(c), otherwise)
		}
	}
	return os.WriteFile(filepath.Join(dir, "1", "model.yaml"), text, 0o600)
}

// learn asks for the right answers, by the tensors, until the ids give the same.
func (s *stage) learn() error {
	s.right = make([]string, entities)
	for id := range s.right {
		a := s.ask("plain", given(int64(id)))
		if err := a.failure(); err != nil {
			return err
		}
		s.right[id] = a.outputs()
	}
	var last answer
	for begun := time.Now(); time.Since(begun) < upWithin; time.Sleep(20 * time.Millisecond) {
		if last = s.ask("filled", byID(0)); last.status == http.StatusOK && last.outputs() == s.right[0] && last.defaults() == 0 {
			return nil
		}
	}
	return fmt.Errorf("an answer by id is not that by its tensor: %d %s %s, want %s", last.status, last.features, last.body, s.right[0])
}

// end ends gateway and store.
func (s *stage) end() {
	s.asks.CloseIdleConnections()
	if s.Gateway != nil {
		s.Gateway.End()
	}
	s.storage.end()
}

// given is a request with the tensor of some rows, byID one by their ids.
func given(ids ...int64) string {
	var values []float32
	for _, id := range ids {
		for c := range columns {
			values = append(values, valueOf(id, c))
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("BUG: %v", err))
	}
	return fmt.Sprintf(`{"inputs":[{"name":"input","datatype":"FP32","shape":[%d,%d],"data":%s}]}`, len(ids), columns, text)
}

func byID(ids ...int64) string {
	text, err := json.Marshal(ids)
	if err != nil {
		panic(fmt.Sprintf("BUG: %v", err))
	}
	return fmt.Sprintf(`{"inputs":[{"name":"id","datatype":"INT64","shape":[%d],"data":%s}]}`, len(ids), text)
}

// answer is what came of a request.
type answer struct {
	err      error
	status   int
	features string // the header Sluice-Features
	timing   string // the header Server-Timing
	body     string
}

// ask sends a request with the budget.
func (s *stage) ask(model, body string) (a answer) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+s.Predict+"/v2/models/"+model+"/infer", strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Sluice-Budget-Ms", fmt.Sprint(s.budget.Milliseconds()))
	res, err := s.asks.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{err, res.StatusCode, res.Header.Get("Sluice-Features"), res.Header.Get("Server-Timing"), string(text)}
}

// failure is why there is no answer; nil if there is one.
func (a *answer) failure() error {
	if a.err == nil && a.status != http.StatusOK {
		return fmt.Errorf("a request got %d %s", a.status, a.body)
	}
	return a.err
}

// outputs are those of the answer, as they are written.
func (a *answer) outputs() string {
	_, text, _ := strings.Cut(a.body, `"outputs"`)
	return text
}

// defaults is how many values are defaults; -1 if the answer does not say.
func (a *answer) defaults() int {
	var filled, cached, standIn, stale, late int
	if n, _ := fmt.Sscanf(a.features, "filled=%d,cached=%d,default=%d,stale=%d,late=%d", &filled, &cached, &standIn, &stale, &late); n != 5 || filled+standIn != columns {
		return -1
	}
	return standIn
}

// stageOf is how long a stage took, by the answer's Server-Timing.
func (a *answer) stageOf(name string) (time.Duration, error) {
	_, rest, ok := strings.Cut(a.timing, name+";dur=")
	var ms float64
	if _, err := fmt.Sscanf(rest, "%f", &ms); !ok || err != nil {
		return 0, fmt.Errorf("an answer with status %d does not say how long %s took: %q", a.status, name, a.timing)
	}
	return time.Duration(ms * float64(time.Millisecond)), nil
}

// poisson draws the time until the next request.
func poisson(rng *rand.Rand, rate float64) time.Duration {
	return time.Duration(math.Round(rng.ExpFloat64() / rate * float64(time.Second)))
}
