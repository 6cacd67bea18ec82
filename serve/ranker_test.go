package serve

import (
	"context"
	"encoding/json"
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

// sums is a store in which element e of column c is (keys + 100c + e) / 1000. It has nothing of user 77, and never answers for the
// view stalled.
type sums struct{}

func (sums) Reader(g *store.Group) (store.Reader, error) { return sumReader{g}, nil }
func (sums) Ping(context.Context) error                  { return nil }
func (sums) Close() error                                { return nil }

type sumReader struct{ group *store.Group }

func (r sumReader) Generation() uint64 { return 0 }

func (r sumReader) Read(ctx context.Context, _ uint64, keys []store.Key, into *store.Rows) error {
	if r.group.View == "stalled" {
		<-ctx.Done()
		return ctx.Err()
	}
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
func withRanker(t *testing.T, settings string, test func(*ranker), also ...func(*Options)) {
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
	o := Options{Config: cfg, FeatureStores: map[string]store.Store{"memory": sums{}}}
	for _, change := range also {
		change(&o)
	}
	s, err := New(ctx, o)
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

// explained asks with a header, and returns the answer's parameters.
func (r *ranker) explained(path, body, header string) (status int, parameters map[string]any, text string) {
	r.t.Helper()
	q, err := http.NewRequest(http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Sluice-Explain", header)
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	var a struct{ Parameters map[string]any }
	if err == nil {
		err = json.Unmarshal(out, &a)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, a.Parameters, string(out)
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

// list is a request of one user and some stores, by ids and with the tensor.
func list(user int64, stores []int64, moment [2]float64) (ids, given string) {
	rows := len(stores)
	dense := make([][]float64, rows)
	for i := range dense {
		for c := range 6 {
			dense[i] = append(dense[i], sumOf(user, c, 0))
		}
		for e := range 8 {
			dense[i] = append(dense[i], sumOf(stores[i], 0, e))
		}
		dense[i] = append(dense[i], moment[:]...)
	}
	both := tensorText("user_id", "INT64", []int{1}, []int64{user}) + "," + tensorText("store_id", "INT64", []int{rows}, stores)
	return `{"inputs":[` + both + "," + tensorText("moment", "FP32", []int{1, 2}, moment) + "]}",
		`{"inputs":[` + both + "," + tensorText("dense", "FP32", []int{rows, 16}, dense) + "]}"
}
