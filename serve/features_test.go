package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"sluice/config"
	"sluice/features/store"
	"sluice/internal/longtest"
	"sluice/predlog"
	"sluice/predlog/query"
	"sluice/predlog/table"
)

// A list by ids fills the tensor that the same list brings itself, to the last bit, read and cached; and so it has the same scores. The
// tensors are those that the prediction log says the model ran with.
func TestRankerByIDs(t *testing.T) {
	longtest.NotRaced(t)
	const rows = 200
	lists := 1000
	if longtest.LeftOut() {
		lists = 50
	}
	settings := strings.Replace(rankerFeatures, ", cache: {ttl: 1h}", "", 1) // of the stores: users are cached
	random := rand.New(rand.NewPCG(1, 2))
	scores := make([]string, lists)
	var dir string
	withRanker(t, settings, func(r *ranker) {
		for n := range lists {
			stores := make([]int64, rows)
			for i := range stores {
				stores[i] = random.Int64N(300) // some come twice
			}
			ids, given := list(int64(1000+n), stores, [2]float64{random.Float64(), float64(n)})
			for try, body := range []string{ids, ids, given} {
				status, header, text := r.ask("/v2/models/ranker/infer", body)
				if status != 200 {
					t.Fatalf("list %d: %d %s", n, status, text)
				}
				if want := fmt.Sprintf("filled=%d,cached=%d,default=0,stale=0,late=0", 7*rows, 6*rows*try); try < 2 && header != want {
					t.Fatalf("list %d: %q, want %q", n, header, want)
				}
				got := r.scores(text)
				if scores[n] == "" {
					scores[n] = got
				}
				if got != scores[n] {
					t.Errorf("list %d: the scores of request %d are %s, and were %s", n, try, got, scores[n])
				}
			}
		}
	}, func(o *Options) { dir = o.Config.PredictionLog.Dir })
	// What the server had no time for at its end is completed now.
	until(t, "the server has let go of its log, which is complete", func() bool {
		w, err := predlog.Start(predlog.Options{Dir: dir})
		if err == nil {
			err = w.Close(t.Context())
		}
		return err == nil
	})
	dense, records := map[string]string{}, 0 // by user, whom no other list has
	if err := query.All(dir, func(row *table.Row) error {
		inputs := map[string]string{}
		for _, in := range row.Inputs {
			inputs[in.Name] = string(in.Raw)
		}
		user, ran := inputs["user_id"], inputs["dense"]
		if before, there := dense[user]; len(ran) != rows*16*4 || there && ran != before {
			t.Errorf("a request of user %x ran with another tensor than those before", user)
		}
		dense[user] = ran
		records++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(dense) != lists || records != 3*lists {
		t.Errorf("%d requests of %d lists are in the log", records, len(dense))
	}
}

// Lists in which each row names its user have those scores too, read and cached, through V2 and V1.
func TestRankerForms(t *testing.T) {
	withRanker(t, rankerFeatures, func(r *ranker) {
		const rows = 200
		for n := range 3 {
			user := int64(1 + n)
			users, stores := make([]int64, rows), make([]int64, rows)
			moment := [2]float64{0.25, float64(n)}
			var instances []string
			for i := range rows {
				users[i], stores[i] = user, int64((7*i+n)%150)
				instances = append(instances, fmt.Sprintf(`{"user_id":%d,"store_id":%d,"moment":[%v,%v]}`, user, stores[i], moment[0], moment[1]))
			}
			ids := tensorText("user_id", "INT64", []int{rows}, users) + "," + tensorText("store_id", "INT64", []int{rows}, stores)
			one, given := list(user, stores, moment)
			status, _, answer := r.ask("/v2/models/ranker/infer", given)
			if status != 200 {
				t.Fatalf("%d %s", status, answer)
			}
			want := r.scores(answer)
			f := func(body, features string) {
				t.Helper()
				status, header, text := r.ask("/v2/models/ranker/infer", body)
				if status != 200 || r.scores(text) != want || strings.Contains(text, "degraded") || features != "" && header != features {
					t.Errorf("list %d: %d %q %s\nwant %q %s", n, status, header, text, features, want)
				}
			}
			each := `{"inputs":[` + ids + "," + tensorText("moment", "FP32", []int{1, 2}, moment) + "]}"
			f(each, "")
			f(one, fmt.Sprintf("filled=%d,cached=%d,default=0,stale=0,late=0", 7*rows, 7*rows))
			status, _, text := r.ask("/v1/models/ranker:predict", `{"instances":[`+strings.Join(instances, ",")+`]}`)
			var v1 struct{ Predictions json.RawMessage }
			if err := json.Unmarshal([]byte(text), &v1); err != nil || status != 200 || string(v1.Predictions) != want {
				t.Errorf("V1: %d %s, %v", status, text, err)
			}
		}
	})
}

// The log has what the model ran with, and what became of each value.
func TestRankerIsLogged(t *testing.T) {
	settings := strings.Replace(rankerFeatures, ", cache: {ttl: 1h}", "", 1)
	ids, _ := list(1, []int64{4, 5}, [2]float64{0.5, 1})
	var dir string
	withRanker(t, settings, func(r *ranker) {
		if status, _, text := r.ask("/v2/models/ranker/infer", ids); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		if status, _, _ := r.ask("/v2/models/ranker/infer", strings.Replace(ids, `"moment"`, `"month"`, 1)); status != 400 {
			t.Fatal(status)
		}
	}, func(o *Options) { dir = o.Config.PredictionLog.Dir })
	var got []string
	if err := query.All(dir, func(r *table.Row) error {
		text := fmt.Sprint(r.Status, " ", r.Replayable, " ", len(r.Inputs))
		for _, f := range r.Features {
			text += fmt.Sprint(" ", f.Input, " ", f.Name, " ", f.Statuses, " ", f.AgesMS)
		}
		got = append(got, text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := "OK true 3"
	for _, name := range strings.Fields("user:a user:b user:c user:d user:e user:f store:emb") {
		want += " dense " + name + " [present present] [0 0]" // the store knows no times
	}
	if want += " dense moment [request request] [0 0]"; !slices.Equal(got, []string{want, "UNKNOWN_INPUT false 0"}) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Who asks is told where each value comes from, and nobody else is.
func TestRankerExplains(t *testing.T) {
	settings := strings.NewReplacer(", cache: {ttl: 1h}", "", `{feature: "user:b"}`, `{feature: "user:b", default: 1}`).Replace(rankerFeatures)
	withRanker(t, settings, func(r *ranker) {
		path := "/v2/models/ranker/infer"
		f := func(body, header, want string) {
			t.Helper()
			status, parameters, text := r.explained(path, body, header)
			if got := fmt.Sprint(status, " ", parameters); got != want {
				t.Errorf("got  %s\nwant %s\n%s", got, want, text)
			}
		}
		ids, given := list(77, []int64{4, 5}, [2]float64{0.5, 1})
		want := "200 map[degraded:true features.dense.moment:request*2 features.dense.store:emb:present*2"
		for _, name := range strings.Fields("a b c d e f") {
			want += " features.dense.user:" + name + ":missing*2"
		}
		f(ids, "features", want+"]")
		f(given, "features", "200 map[]")
		f(ids, "everything", "400 map[]")
		f(ids, "", "400 map[]")
		if _, _, text := r.ask("/v2/models/ranker/infer", ids); !strings.Contains(text, `"parameters":{"degraded":true},`) {
			t.Error(text)
		}
		// V1 has no parameters: who asks has them beside the predictions, and nobody else has a key that the format does not know.
		path = "/v1/models/ranker:predict"
		rows := `{"instances":[{"user_id":77,"store_id":4,"moment":[0.5,1]},{"user_id":77,"store_id":5,"moment":[0.5,1]}]}`
		f(rows, "features", want+"]")
		if status, _, text := r.ask(path, rows); status != 200 || strings.Contains(text, "parameters") {
			t.Errorf("%d %s", status, text)
		}
	}, func(o *Options) { o.Config.PredictionLog.Dir = "" })
}

// Requests that come together have each its own rows, read or cached.
func TestRankerInterleaved(t *testing.T) {
	withRanker(t, strings.Replace(rankerFeatures, ", cache: {ttl: 1h}", "", 1), func(r *ranker) {
		var clients sync.WaitGroup
		for c := range 8 {
			clients.Go(func() {
				random := rand.New(rand.NewPCG(uint64(c), 1))
				for range 25 {
					stores := make([]int64, 1+random.IntN(8))
					for i := range stores {
						stores[i] = random.Int64N(40)
					}
					ids, given := list(1+random.Int64N(20), stores, [2]float64{random.Float64(), 1})
					status, _, got := r.ask("/v2/models/ranker/infer", ids)
					other, _, want := r.ask("/v2/models/ranker/infer", given)
					if status != 200 || other != 200 || got != want {
						t.Errorf("%s\ngot  %d %s\nwant %d %s", ids, status, got, other, want)
						return
					}
				}
			})
		}
		clients.Wait()
	})
}

// A store that does not answer leaves defaults in its place, in time; where they will not do the request is refused.
func TestRankerWithoutItsStore(t *testing.T) {
	settings := strings.NewReplacer("keys: [user_id], budget: 1m", "view: stalled, keys: [user_id], budget: 2ms", `{feature: "user:b"}`, `{feature: "user:b", default: 1}`).Replace(rankerFeatures)
	ids, _ := list(1, []int64{4, 5}, [2]float64{})
	withRanker(t, settings, func(r *ranker) {
		status, header, text := r.ask("/v2/models/ranker/infer", ids)
		if status != 200 || header != "filled=2,cached=0,default=12,stale=0,late=12" || !strings.Contains(text, `"degraded":true`) {
			t.Errorf("got %d %q %s", status, header, text)
		}
	})
}

// A mirror's requests have every tensor, and no store is wanted for them.
func TestRankerWhole(t *testing.T) {
	ids, given := list(1, []int64{4}, [2]float64{})
	withRanker(t, rankerFeatures, func(r *ranker) {
		if status, header, text := r.ask("/v2/models/ranker/infer", given); status != 200 || header != "" {
			t.Errorf("got %d %q %s", status, header, text)
		}
		if status, _, text := r.ask("/v2/models/ranker/infer", ids); status != 400 || !strings.Contains(text, "UNKNOWN_INPUT") {
			t.Errorf("got %d %s", status, text)
		}
	}, func(o *Options) { o.FeatureStores, o.Whole = nil, true })
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
