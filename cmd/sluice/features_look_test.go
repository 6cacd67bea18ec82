package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// featuresRig is an embedded store with some rows, and settings that name it.
type featuresRig struct {
	t        *testing.T
	dir      string
	settings string
	spec     string
}

func newFeaturesRig(t *testing.T) *featuresRig {
	r := &featuresRig{t: t, dir: t.TempDir()}
	r.settings = r.file("sluice.yaml", "feature_stores:\n  - {name: local, kind: embedded, path: "+filepath.Join(r.dir, "store")+"}\n"+
		"  - {name: laptop, kind: feast-sqlite, path: ../../features/embedded/testdata/sqlite_v3.db, project: my_project}\n")
	r.spec = r.file("spec.yaml", "store: local\nview: v\nkeys: [{name: id, type: INT64}, {name: shop, type: BYTES, from: where}]\n"+
		"columns: [{name: f, type: FP32}, {name: emb, type: FP64, width: 2}]\ntime: {from: at}\n")
	rows := r.file("rows.csv", "id,where,at,f,emb\n1,a,10,0.5,\"[1,nan]\"\n2,\"b,c\",20,,\"[3,4]\"\n")
	r.run(0, "2 rows", "load", r.spec, rows)
	return r
}

func (r *featuresRig) file(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *featuresRig) run(status int, want string, args ...string) string {
	r.t.Helper()
	out, got := command(r.t, append([]string{"features", args[0], "--config", r.settings}, args[1:]...)...)
	if got != status || !strings.Contains(out, want) {
		r.t.Errorf("%q: status %d, %s; want %d and %q", args, got, out, status, want)
	}
	return out
}

// Rows are printed as a store has them, and as the file that they could be loaded from.
func TestFeaturesGetAndDump(t *testing.T) {
	t.Parallel()
	r := newFeaturesRig(t)
	r.run(0, "id 1, shop a in view v of store local: ", "get", r.spec, "1,a")
	r.run(0, " old, of 1970-01-01T00:00:10Z\n  f                        0.5\n  emb                      [1,NaN]\n", "get", r.spec, "1,a")
	r.run(0, `{"store":"local","view":"v","key":{"id":1,"shop":"a"},"found":true,"time":"1970-01-01T00:00:10Z","values":{"emb":[1,null],"f":0.5}}`, "get", "--json", r.spec, "1,a")
	r.run(1, "id 3, shop a in view v of store local: not there\n", "get", r.spec, "1,a", "3,a")
	r.run(1, "store local has 1 of the 2 rows", "get", r.spec, "1,a", "3,a")
	all := "id,where,f,emb,at\n1,a,0.5,\"[1,NaN]\",1970-01-01T00:00:10Z\n2,\"b,c\",,\"[3,4]\",1970-01-01T00:00:20Z\n"
	if out := r.run(0, "", "dump", "--csv", r.spec); out != all {
		t.Errorf("the dump is %s", out)
	}
	r.run(0, `"key":{"id":2,"shop":"b,c"},"found":true,"time":"1970-01-01T00:00:20Z","values":{"emb":[3,4]}}`, "dump", r.spec)
	r.run(0, "2 rows", "load", r.spec, r.file("again.csv", all))
	keys := r.file("keys.csv", "shop,id\n\"b,c\",2\nx,9\n\"b,c\",2\n")
	if out := r.run(0, "", "dump", "--csv", "--keys", keys, r.spec); strings.Count(out, "\n") != 2 {
		t.Errorf("the dump of a key is %s", out)
	}
	feast := r.file("feast.yaml", "store: laptop\nview: driver_hourly_stats\nkeys: [{name: driver_id, type: INT64}]\ncolumns: [{name: conv_rate, type: FP32}, {name: city, type: FP32}]\n")
	r.run(0, "  conv_rate                0.5\n  city                     does not fit: it must be FP32\n", "get", feast, "1001")
	r.run(2, "name a CSV file of keys with --keys", "dump", feast)
}

// A check looks at samples, and tells what a model would miss.
func TestFeaturesCheck(t *testing.T) {
	t.Parallel()
	r := newFeaturesRig(t)
	r.run(0, "  2 of 2 rows are there", "check", r.spec)
	r.run(0, "    f                        FP32      missing  50.0 %\n    emb                      FP64[2]   missing   0.0 %\n", "check", r.spec)
	r.run(0, `"missing": 1`, "check", "--json", r.spec)
	feast := r.file("feast.yaml", "store: laptop\nview: driver_hourly_stats\nkeys: [{name: driver_id, type: INT64}]\ncolumns: [{name: conv_rate, type: FP32}, {name: city, type: FP32}, {name: gone, type: FP32}]\n")
	r.run(0, "no row was looked at: name some with --keys FILE", "check", feast)
	keys := r.file("keys.csv", "driver_id\n1001\n1002\n")
	r.run(1, "fault: city has values that do not fit its type or width\n  fault: gone has no value in any row\n", "check", "--keys", keys, feast)
	r.run(1, "fault: the store has none of the entities\n", "check", "--keys", r.file("none.csv", "driver_id\n5\n"), feast)
	r.run(1, "fault: view w in ", "check", r.file("other.yaml", "store: local\nview: w\nkeys: [{name: id, type: INT64}]\ncolumns: [{name: f, type: FP32}]\n"))
	r.run(1, "has no generation", "check", filepath.Join(r.dir, "other.yaml"))
}

// A check looks at the entities that a gateway is asked for most: with all digits of their numbers, and without what a client has put
// into a name for the terminal of whoever reads it.
func TestFeaturesCheckHot(t *testing.T) {
	t.Parallel()
	r := newFeaturesRig(t)
	document := `{"groups":[{"store":"local","view":"v","hot_keys":[{"key":{"id":1,"shop":"a"},"count":32},{"key":{"id":9007199254740993,"shop":"\u001b[2J"},"count":16}]}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, document) }))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	out := r.run(0, "  1 of 2 rows are there", "check", "--hot", "--admin", address, r.spec)
	if want := "times lately: id 9007199254740993, shop \ufffd[2J\n"; !strings.Contains(out, want) || strings.Contains(out, "\x1b") {
		t.Errorf("the check says %q, want %q", out, want)
	}
	other := r.file("other.yaml", "store: local\nview: v\nkeys: [{name: id, type: INT64}, {name: store, type: BYTES}]\ncolumns: [{name: f, type: FP32}]\n")
	r.run(1, `the gateway's keys are not those of the spec: they have no "store"`, "check", "--hot", "--admin", address, other)
}

// Commands that cannot be understood say what is wrong.
func TestFeaturesMistakes(t *testing.T) {
	t.Parallel()
	r := newFeaturesRig(t)
	r.run(2, "get takes SPEC and one KEY or more, and has 1 arguments", "get", r.spec)
	r.run(2, `key "1": an entity is named by 2 values, and 1 are given`, "get", r.spec, "1")
	r.run(2, `key "x,a": id is "x": it must be a whole number of 64 bits`, "get", r.spec, "x,a")
	r.run(2, "sluice features check needs SPEC", "check")
	r.run(2, "--rows: 0 must be 1 or more", "check", "--rows", "0", r.spec)
	r.run(2, "--keys and --hot both say which rows are looked at: take one", "check", "--hot", "--keys", "x", r.spec)
	r.run(2, "is of the view v alone", "check", "--group", "w", r.spec)
	r.run(1, "cannot reach an admin port at 127.0.0.1:1", "check", "--hot", "--admin", "127.0.0.1:1", r.spec)
	r.run(1, "cannot read the keys: open nowhere.csv", "dump", "--keys", "nowhere.csv", r.spec)
	r.run(1, `line 3 of the keys: id is "x"`, "dump", "--keys", r.file("keys.csv", "id,shop\n1,a\nx,a\n"), r.spec)
	r.run(1, `the keys have no column "shop"`, "dump", "--keys", r.file("one.csv", "id\n1\n"), r.spec)
	r.run(1, "cannot find", "check", filepath.Join(r.dir, "nowhere.onnx"))
}

// A model's groups are looked at one by one; get and dump want to know which.
func TestFeaturesOfModels(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	r := newFeaturesRig(t)
	model := filepath.Join(r.dir, "ranker_by_id", "1")
	if err := os.MkdirAll(model, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../../examples/models/ranker/1/model.onnx", "../../examples/features/ranker_by_id/1/model.yaml", "../../examples/features/ranker_by_id/1/golden.jsonl"} {
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(model, filepath.Base(path)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"users", "stores"} {
		r.run(0, "is visible", "load", "../../examples/features/"+name+".yaml", "../../examples/features/"+name+".csv")
	}
	file := filepath.Join(model, "model.onnx")
	out := r.run(0, "  200 of 200 rows are there", "check", file)
	if !strings.Contains(out, "    profile                  FP32[8]   missing   0.0 %\n") || !strings.Contains(out, "    rating                   FP32      missing   5.0 %\n") {
		t.Errorf("the check says %s", out)
	}
	r.run(0, "  rating                   missing\n", "get", "--group", "user", file, "5")
	r.run(2, "the model has 2 groups of features: name one with --group, such as --group store", "get", file, "5")
	r.run(1, `the model has no group "usr" (did you mean user?): it has user, store`, "dump", "--group", "usr", file)
	r.run(1, "its model.yaml has no features", "check", "../../examples/models/eta/1/model.onnx")

	// A server would refuse the model without its store, and so does a check.
	other := r.file("other.yaml", "feature_stores:\n  - {name: locals, kind: embedded, path: "+filepath.Join(r.dir, "store")+"}\n")
	for settings, status := range map[string]int{r.settings: 0, other: 1} {
		out, got := command(t, "check", "--config", settings, file)
		if refused := strings.Contains(out, `reads the store "local", which is not among the gateway's feature stores (locals)`); got != status || refused != (status == 1) {
			t.Errorf("%s: status %d, want %d: %s", settings, got, status, out)
		}
	}
}
