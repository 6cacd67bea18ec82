package serve

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/config"
	"sluice/features/store"
	"sluice/gateway"
	"sluice/internal/onnxgen"
	"sluice/models"
	"sluice/predlog/query"
	"sluice/predlog/table"
)

// losing is the store sums, which can lose all rows of a view.
type losing struct {
	sums
	lost *sync.Map // views
}

func (l losing) Reader(g *store.Group) (store.Reader, error) {
	return losingReader{sumReader{g}, l.lost}, nil
}

type losingReader struct {
	sumReader
	lost *sync.Map
}

func (r losingReader) Read(ctx context.Context, generation uint64, keys []store.Key, into *store.Rows) error {
	if _, lost := r.lost.Load(r.group.View); !lost {
		return r.sumReader.Read(ctx, generation, keys, into)
	}
	for i := range keys {
		into.Done(i)
	}
	return nil
}

// climbing is a server of rankers with ladders, and of a small model that takes the moment alone.
type climbing struct {
	ranker
	s    *Server
	lost sync.Map
	log  string
	unit string // of requests
}

// ladderSettings are those of a ranker that reads users from a view.
func ladderSettings(view, ladder string) string {
	text := strings.NewReplacer("user: {store: memory, ", "user: {store: memory, view: "+view+", ", `{feature: "user:b"}`, `{feature: "user:b", default: 0}`, ", cache: {ttl: 1h, negative: 1h}", "", ", cache: {ttl: 1h}", "").Replace(rankerFeatures)
	return text + "  min_present: 0.8\n" + ladder
}

// withLadders runs a test beside such a server, and returns it when it has stopped.
func withLadders(t *testing.T, small bool, test func(*climbing)) *climbing {
	t.Helper()
	needLibrary(t)
	const both = "  ladder: [previous, {model: ranker_small}]\n"
	dir := rankerFolder(t, ladderSettings("old", ""))
	file, err := os.ReadFile(filepath.Join(dir, "ranker/1/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	put := func(model string, file []byte, settings string) {
		t.Helper()
		to := filepath.Join(dir, model)
		if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{"model.onnx": file, "model.yaml": []byte("max_batch: 256\nbudget: 10s\n" + settings)} {
			if err := os.WriteFile(filepath.Join(to, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("ranker/2", file, ladderSettings("new", "  ladder: [previous, {model: ranker_small}, {constant: {score: 0.25}}]\n"))
	put("bare/1", file, ladderSettings("old", ""))
	put("bare/2", file, ladderSettings("new", both))
	if small {
		put("ranker_small/1", onnxgen.New(17).Input("moment", onnxgen.Float32, "n", 2).Wholes("axes", []int{1}, 1).
			Node("ReduceSum", "score", onnxgen.In("moment", "axes"), onnxgen.Whole("keepdims", 0)).Shaped("score", onnxgen.Float32, "n").File(), "")
	}
	c := &climbing{ranker: ranker{t: t}, log: t.TempDir()}
	cfg, err := Settings("", "", func(c *config.Config) error {
		c.Models, c.Listen, c.Admin, c.State, c.MetricsListen = dir, "127.0.0.1:0", "", NoState, "127.0.0.1:0"
		c.Devices = []config.Device{config.DefaultDevice("cpu")}
		c.ModelDefaults.Promote, c.ModelDefaults.KeepVersions, c.ModelDefaults.Warmup = "manual", 2, time.Millisecond
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg.PredictionLog.Dir, cfg.PredictionLog.Sample = c.log, 1
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if c.s, err = New(ctx, Options{Config: cfg, FeatureStores: map[string]store.Store{"memory": losing{lost: &c.lost}}}); err != nil {
		t.Fatal(err)
	}
	c.url = "http://" + c.s.Addr().String()
	err = c.s.Run(ctx, func() {
		defer stop()
		for _, model := range []string{"ranker", "bare"} {
			for _, version := range []string{"1", "2"} {
				if err := c.s.registry.Promote(ctx, model, version, models.By{Who: "test"}); err != nil {
					t.Error(err)
				}
			}
		}
		test(c)
		http.DefaultClient.CloseIdleConnections()
	})
	if err != nil {
		t.Error(err)
	}
	return c
}

// asks has the answer of a model, in short.
func (c *climbing) asks(model, body string) string {
	c.t.Helper()
	q, err := http.NewRequest(http.MethodPost, c.url+"/v2/models/"+model+"/infer", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	q.Header.Set("Sluice-Unit", c.unit)
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Sprint(res.StatusCode, " ", string(text))
	}
	tag := strings.Split(res.Header.Get("Sluice-Model"), ";digest")[0]
	return fmt.Sprint(tag, " rung=", res.Header.Get("Sluice-Rung"), " degraded=", strings.Contains(string(text), `"degraded":true`), " ", res.Header.Get("Sluice-Features"), " ", c.scores(string(text)))
}

// As the store loses rows, the version before answers, then another model, then a constant, or nobody. Each answer says so, as
// do metrics and the log.
func TestLadderOfARanker(t *testing.T) {
	c := withLadders(t, true, lostRows)
	var rows []string
	if err := query.All(c.log, func(r *table.Row) error {
		if r.Reason != "" {
			rows = append(rows, fmt.Sprint(r.Model, " ", r.Version, " ", r.Reason, " ", r.Role == nil, " ", len(r.Inputs)))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{
		"ranker 1 previous true 3", "bare 1 previous true 3", "ranker_small 1 model:ranker_small true 1", "ranker 2 constant true 3", "ranker_small 1 model:ranker_small true 1",
	}; !slices.Equal(rows, want) {
		t.Errorf("the log has %q\nwant %q", rows, want)
	}
}

// lostRows has the store lose its rows view by view.
func lostRows(c *climbing) {
	t := c.t
	ids, given := list(1, []int64{4, 5}, [2]float64{0.5, 1})
	_, _, whole := c.ask("/v2/models/ranker/infer", given)
	scores := c.scores(whole)
	f := func(model, want string) {
		t.Helper()
		if got := c.asks(model, ids); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	lose := func(views ...string) {
		c.lost.Clear()
		for _, v := range views {
			c.lost.Store(v, true)
		}
	}
	const found, lost = "filled=14,cached=0,default=0,stale=0,late=0", "filled=2,cached=0,default=12,stale=0,late=0"
	f("ranker", "ranker;version=2 rung= degraded=false "+found+" "+scores)
	lose("new")
	f("ranker", "ranker;version=1 rung=previous degraded=true "+found+" "+scores)
	f("bare", "bare;version=1 rung=previous degraded=true "+found+" "+scores)
	lose("new", "old")
	f("ranker", "ranker_small;version=1 rung=model:ranker_small degraded=true  [1.5,1.5]")
	f("ranker/versions/1", `503 {"error":"2 of 14 stored values were found, less than the share of 0.8 that model 'ranker' wants (min_present in its model.yaml)","code":"FEATURE_UNAVAILABLE"}`)
	if err := c.s.registry.Unload(t.Context(), "ranker_small"); err != nil {
		t.Fatal(err)
	}
	f("ranker", "ranker;version=2 rung=constant degraded=true "+lost+" [0.25,0.25]")
	f("bare", `503 {"error":"2 of 14 stored values were found, less than the share of 0.8 that model 'bare' wants (min_present in its model.yaml); its ladder does not answer either: `+
		`previous: 2 of 14 stored values were found, less than the share of 0.8 that model 'bare' wants (min_present in its model.yaml); `+
		`model:ranker_small: Request for unknown model: 'ranker_small' has no available versions","code":"FEATURE_UNAVAILABLE"}`)
	if got := c.s.degraded(); len(got) != 2 || got[0] != "model bare version 2: rung model:ranker_small of its ladder answers no request: Request for unknown model: 'ranker_small' has no available versions" {
		t.Errorf("the server does without %q", got)
	}
	if err := c.s.registry.Load(t.Context(), "ranker_small"); err != nil {
		t.Fatal(err)
	}
	f("ranker", "ranker_small;version=1 rung=model:ranker_small degraded=true  [1.5,1.5]")
	lose()
	f("ranker", "ranker;version=2 rung= degraded=false "+found+" "+scores)

	c.url = "http://" + c.s.MetricsAddr().String()
	status, _, text := c.ask("/metrics", "")
	for _, want := range []string{
		`sluice_feature_rungs_total{model="ranker",rung="previous",version="2"} 1`, `sluice_feature_rungs_total{model="ranker",rung="model:ranker_small",version="2"} 2`,
		`sluice_feature_rungs_total{model="ranker",rung="constant",version="2"} 1`, `sluice_feature_rungs_total{model="ranker",rung="none",version="2"} 0`,
		`sluice_feature_rungs_total{model="bare",rung="none",version="2"} 1`, `sluice_requests_total{model="ranker",outcome="ok",version="2"} 4`,
	} {
		if status != 200 || !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in the metrics", want)
		}
	}
}

// In the place of a canary the live version answers, not the one before.
func TestLadderOfACanary(t *testing.T) {
	withLadders(t, false, func(c *climbing) {
		me := models.By{Who: "test"}
		if err := c.s.registry.Promote(t.Context(), "ranker", "1", me); err != nil { // 2 is the one before
			t.Error(err)
		}
		if err := c.s.registry.Canary(t.Context(), "ranker", "2", 1, me); err != nil {
			t.Error(err)
		}
		c.unit = "anna"
		ids, _ := list(1, []int64{4}, [2]float64{0.5, 1})
		for lost, want := range map[string]string{"": "ranker;version=2 rung= ", "new": "ranker;version=1 rung=previous degraded=true filled=7,", "old": "ranker;version=2 rung= "} {
			c.lost.Clear()
			c.lost.Store(lost, true)
			if got := c.asks("ranker", ids); !strings.HasPrefix(got, want) {
				t.Errorf("%q is lost: got %s, want %s", lost, got, want)
			}
		}
		c.lost.Store("new", true)
		c.lost.Store("old", true)
		if got := c.asks("ranker", ids); !strings.HasPrefix(got, "ranker;version=2 rung=constant ") {
			t.Errorf("all is lost: got %s", got)
		}
	})
}

// What a rung answers is not compared with a shadow's answers.
func TestLadderIsNotCompared(t *testing.T) {
	f := func(want bool, change func(x *gateway.Exchange)) {
		t.Helper()
		x := &gateway.Exchange{}
		if change(x); ofLive(x) != want {
			t.Errorf("%+v, %+v: mirrored %v", x.Exposure, x.Fall, !want)
		}
	}
	f(true, func(*gateway.Exchange) {})
	f(false, func(x *gateway.Exchange) { x.Exposure.Named = true })
	f(false, func(x *gateway.Exchange) { x.Exposure.Canary = true })
	f(false, func(x *gateway.Exchange) { x.Fall = gateway.Fall{From: &served{}, Rung: "previous"} })
}

// A rung whose model does not fit, or is not there, is no rung, and the readiness says so.
func TestLadderWithoutItsModel(t *testing.T) {
	withLadders(t, false, func(c *climbing) {
		ids, _ := list(1, []int64{4}, [2]float64{})
		c.lost.Store("new", true)
		c.lost.Store("old", true)
		if got := c.asks("bare", ids); !strings.HasPrefix(got, "503") || !strings.Contains(got, "model:ranker_small: Request for unknown model: 'ranker_small' is not found") {
			t.Errorf("got %s", got)
		}
		if got := c.s.degraded(); len(got) != 2 || !strings.HasPrefix(got[1], "model ranker version 2: rung model:ranker_small of its ladder answers no request: ") {
			t.Errorf("the server does without %q", got)
		}
	})
}

// Under load each answer is whole and of one rung, whatever the store loses meanwhile.
func TestLadderUnderLoad(t *testing.T) {
	withLadders(t, true, func(c *climbing) {
		ids, given := list(1, []int64{4, 5}, [2]float64{0.5, 1})
		_, _, whole := c.ask("/v2/models/ranker/infer", given)
		scores := c.scores(whole)
		var clients sync.WaitGroup
		for client := range 4 {
			clients.Go(func() {
				for i := range 100 {
					switch view := []string{"new", "old"}[i%2]; {
					case client > 0:
					case (i/2)%2 == 0:
						c.lost.Store(view, true)
					default:
						c.lost.Delete(view)
					}
					switch got := c.asks("ranker", ids); {
					case strings.HasPrefix(got, "ranker;version=2 rung= ") && strings.HasSuffix(got, scores), strings.HasPrefix(got, "ranker;version=1 rung=previous ") && strings.HasSuffix(got, scores):
					case strings.HasPrefix(got, "ranker_small;version=1 rung=model:ranker_small ") && strings.HasSuffix(got, "[1.5,1.5]"):
					default:
						t.Errorf("got %s", got)
					}
				}
			})
		}
		clients.Wait()
	})
}
