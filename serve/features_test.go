package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/config"
	"sluice/features/store"
)

// sums is a store in which element e of column c is (keys + 100c + e) / 1000. It has nothing of user 77.
type sums struct{}

func (sums) Reader(g *store.Group) (store.Reader, error) { return sumReader{g}, nil }
func (sums) Ping(context.Context) error                  { return nil }
func (sums) Close() error                                { return nil }

type sumReader struct{ group *store.Group }

func (r sumReader) Generation() uint64 { return 0 }

func (r sumReader) Read(_ context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	for i, key := range keys {
		v, _ := key.Next(r.group.Keys[0].Type)
		id := store.Int(r.group.Keys[0].Type, v)
		into.Done(i)
		if r.group.View == "user" && id == 77 {
			continue
		}
		for c := range r.group.Columns {
			if r.group.Columns[c].Width == 1 {
				into.SetFloat(i, c, sumOf(id, c, 0))
				continue
			}
			l := into.SetList(i, c)
			for e := range r.group.Columns[c].Width {
				l.Float(sumOf(id, c, e))
			}
			l.End()
		}
	}
	return nil
}

func sumOf(id int64, column, element int) float64 {
	return float64(id+int64(100*column+element)) / 1000
}

const rankerFeatures = `
features:
  entities: {user_id: INT64, store_id: INT64}
  groups:
    user: {store: memory, keys: [user_id], budget: 1m, cache: {ttl: 1h, negative: 1h}}
    store: {store: memory, keys: [store_id], budget: 1m, cache: {ttl: 1h}}
  inputs:
    dense:
      - {feature: "user:a", default: 0}
      - {feature: "user:b"}
      - {feature: "user:c", default: 0}
      - {feature: "user:d", default: 0}
      - {feature: "user:e", default: 0}
      - {feature: "user:f", default: 0}
      - {feature: "store:emb", width: 8, default: nan}
      - {request: moment, width: 2}
`

// goldenByID is the first golden row of the ranker, by ids.
const goldenByID = `{"request":{"inputs":[{"name":"user_id","datatype":"INT64","shape":[1],"data":[42]},{"name":"store_id","datatype":"INT64","shape":[1],"data":[779]},` +
	`{"name":"moment","datatype":"FP32","shape":[1,2],"data":[0.223,0.317]}]},"features":{"user":[{"user_id":42,"a":0.018,"b":-0.168,"c":-0.482,"d":-1.466,"e":-0.16,"f":0.04}],` +
	`"store":[{"store_id":779,"emb":[0.465,-1.196,1.258,-0.735,-0.03,0.016,1.689,1.167]}]},"response":{"outputs":[{"name":"score","datatype":"FP32","shape":[1],"data":[0.21545756]}]}}`

// rankerFolder is the ranker with other settings.
func rankerFolder(t *testing.T, settings string) string {
	t.Helper()
	dir := t.TempDir()
	to := filepath.Join(dir, "ranker", "1")
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model.onnx", "golden.jsonl"} {
		text, err := os.ReadFile(filepath.Join("../examples/models/ranker/1", name))
		if name == "golden.jsonl" && settings == rankerFeatures {
			text = append(text, goldenByID...)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(to, "model.yaml"), []byte("max_batch: 256\nbudget: 10s\n"+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ranker is a server of it.
type ranker struct {
	t   *testing.T
	url string
}

// withRanker runs a test beside a server of the ranker.
func withRanker(t *testing.T, settings string, test func(*ranker)) {
	t.Helper()
	needLibrary(t)
	dir := rankerFolder(t, settings)
	cfg, err := Settings("", "", func(c *config.Config) error {
		c.Models, c.Listen, c.Admin, c.State = dir, "127.0.0.1:0", "", NoState
		c.Devices = []config.Device{config.DefaultDevice("cpu")}
		c.ModelDefaults.Warmup = time.Millisecond
		c.PredictionLog.Dir, c.PredictionLog.Sample = t.TempDir(), 1
		c.Record.File, c.Record.Payloads = filepath.Join(t.TempDir(), "trace"), true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s, err := New(ctx, Options{Config: cfg, FeatureStores: map[string]store.Store{"memory": sums{}}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(ctx, func() {
		defer stop()
		test(&ranker{t, "http://" + s.Addr().String()})
		http.DefaultClient.CloseIdleConnections()
	})
	if err != nil {
		t.Error(err)
	}
}

// get asks; post has a body.
func (r *ranker) ask(path, body string) (status int, features, text string) {
	r.t.Helper()
	var res *http.Response
	var err error
	if body == "" {
		res, err = http.Get(r.url + path)
	} else {
		res, err = http.Post(r.url+path, "application/json", strings.NewReader(body))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Sluice-Features"), string(out)
}

func tensorText(name, kind string, shape []int, data any) string {
	text, _ := json.Marshal(map[string]any{"name": name, "datatype": kind, "shape": shape, "data": data})
	return string(text)
}

// scores are the data of an answer, as it was written.
func (r *ranker) scores(text string) string {
	r.t.Helper()
	var a struct {
		Outputs []struct{ Data json.RawMessage }
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil || len(a.Outputs) != 1 {
		r.t.Fatalf("%s: %v", text, err)
	}
	return string(a.Outputs[0].Data)
}

// A list by ids has the scores of the list with the tensor given, to the last digit, through V2 and V1.
func TestRankerByIDs(t *testing.T) {
	withRanker(t, rankerFeatures, func(r *ranker) {
		const rows = 200
		for list := range 3 {
			user := int64(1 + list)
			users, stores, dense := make([]int64, rows), make([]int64, rows), [][]float64{}
			moment := []float64{0.25, float64(list)}
			var instances []string
			for i := range rows {
				users[i], stores[i] = user, int64((7*i+list)%150)
				var row []float64
				for c := range 6 {
					row = append(row, sumOf(user, c, 0))
				}
				for e := range 8 {
					row = append(row, sumOf(stores[i], 0, e))
				}
				dense = append(dense, append(row, moment...))
				instances = append(instances, fmt.Sprintf(`{"user_id":%d,"store_id":%d,"moment":[%v,%v]}`, user, stores[i], moment[0], moment[1]))
			}
			ids := tensorText("user_id", "INT64", []int{rows}, users) + "," + tensorText("store_id", "INT64", []int{rows}, stores)
			status, _, given := r.ask("/v2/models/ranker/infer", `{"inputs":[`+ids+","+tensorText("dense", "FP32", []int{rows, 16}, dense)+`]}`)
			if status != 200 {
				t.Fatalf("%d %s", status, given)
			}
			want := r.scores(given)
			f := func(inputs, features string) {
				t.Helper()
				status, header, text := r.ask("/v2/models/ranker/infer", `{"inputs":[`+inputs+`]}`)
				if status != 200 || r.scores(text) != want || strings.Contains(text, "degraded") || features != "" && header != features {
					t.Errorf("list %d: %d %q %s\nwant %q %s", list, status, header, text, features, want)
				}
			}
			once := tensorText("moment", "FP32", []int{1, 2}, moment)
			f(ids+","+once, "")
			f(ids+","+once, fmt.Sprintf("filled=%d,cached=%d,default=0,stale=0,late=0", 7*rows, 7*rows))
			f(tensorText("user_id", "INT64", []int{1}, users[:1])+","+tensorText("store_id", "INT64", []int{rows}, stores)+","+once, "")
			status, _, text := r.ask("/v1/models/ranker:predict", `{"instances":[`+strings.Join(instances, ",")+`]}`)
			var v1 struct{ Predictions json.RawMessage }
			if err := json.Unmarshal([]byte(text), &v1); err != nil || status != 200 || string(v1.Predictions) != want {
				t.Errorf("V1: %d %s, %v", status, text, err)
			}
		}
	})
}

func TestRankerSays(t *testing.T) {
	withRanker(t, rankerFeatures, func(r *ranker) {
		f := func(path, body string, status int, features string, want ...string) {
			t.Helper()
			got, header, text := r.ask(path, body)
			if got != status || header != features {
				t.Errorf("%s: %d %q %s", path, got, header, text)
			}
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s: %s\nwant %s", path, text, w)
				}
			}
		}
		f("/v2/models/ranker", "", 200, "", `"inputs":[{"name":"user_id","datatype":"INT64","shape":[-1]},{"name":"store_id","datatype":"INT64","shape":[-1]},{"name":"moment","datatype":"FP32","shape":[-1,2]}]`)
		f("/v2/models/ranker/config", "", 200, "", `{"name":"dense","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[16],"is_shape_tensor":false,"allow_ragged_batch":false,"optional":true}`,
			`{"name":"store:emb","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[8],"is_shape_tensor":false,"allow_ragged_batch":false,"optional":true}`)
		const infer = "/v2/models/ranker/infer"
		one := func(user int, more ...string) string {
			all := append([]string{
				tensorText("user_id", "INT64", []int{1}, []int{user}), tensorText("store_id", "INT64", []int{2}, []int{4, 5}), tensorText("moment", "FP32", []int{1, 2}, []int{1, 2}),
			}, more...)
			return `{"inputs":[` + strings.Join(all, ",") + `]}`
		}
		f(infer, one(77), 422, "", `"code":"FEATURE_MISSING"`, "feature 'user:b' of row 0, for user_id 77, is not in the store, and model 'ranker' requires it")
		f(infer, one(77, tensorText("user:b", "FP32", []int{1}, []float64{0.5})), 200, "filled=2,cached=2,default=10,stale=0,late=0", `"parameters":{"degraded":true},"outputs"`)
		f(infer, one(5), 200, "filled=14,cached=2,default=0,stale=0,late=0")
		f(infer, `{"inputs":[`+tensorText("user_id", "INT64", []int{1}, []int{1})+`]}`, 400, "", `"code":"MISSING_INPUT"`, "missing required input(s) ['store_id','moment']")
		f(infer, one(5, tensorText("dense", "FP32", []int{2, 16}, make([]float64, 32))), 200, "filled=0,cached=0,default=0,stale=0,late=0")
	})
}

// A model whose settings do not fit is refused with what to change; others serve.
func TestFeaturesAreRefused(t *testing.T) {
	f := func(change, to, want string) {
		t.Helper()
		needLibrary(t)
		dir := rankerFolder(t, strings.Replace(rankerFeatures, change, to, 1))
		cfg, err := Settings("", "", func(c *config.Config) error {
			c.Models, c.Listen, c.Admin, c.State = dir, "127.0.0.1:0", "", NoState
			c.Devices = []config.Device{config.DefaultDevice("cpu")}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		s, err := New(ctx, Options{Config: cfg, FeatureStores: map[string]store.Store{"memory": sums{}}})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Run(ctx, func() {
			defer stop()
			for _, i := range s.registry.Index() {
				if !strings.Contains(i.Reason, want) {
					t.Errorf("the reason is %s\nwant %s", i.Reason, want)
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	f("store: memory", "store: hot", `feature group "user" reads the store "hot", which is not among the gateway's feature stores (memory)`)
	f("width: 8", "width: 7", "features.inputs.dense: it has 16 columns, and 15 are listed")
}
