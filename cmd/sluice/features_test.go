package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/features/load"
)

// A file is loaded into a store of the settings, upserted, and taken back.
func TestFeaturesLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	settings := file("sluice.yaml", "feature_stores:\n  - {name: local, kind: embedded, path: "+filepath.Join(dir, "store")+"}\n  - {name: other, kind: feast-sqlite, path: x, project: p}\n")
	spec := file("spec.yaml", "store: local\nview: v\nkeys: [{name: id, type: INT64}]\ncolumns: [{name: f, type: FP32}]\ntime: {from: at}\n")
	one, two := file("one.csv", "id,at,f\n1,1,1\n2,1,2\n"), file("two.csv", "id,at,f\n2,1,3\n2,2,4\n5,2,5\n")
	f := func(status int, want string, args ...string) {
		t.Helper()
		out, got := command(t, append([]string{"features"}, args...)...)
		if got != status || !strings.Contains(out, want) {
			t.Errorf("%q: status %d, %s; want %d and %q", args, got, out, status, want)
		}
	}
	f(0, "view v: generation 1 is visible, with 2 rows\n", "load", "--config", settings, spec, one)
	f(0, "view v: generation 1 is this file's already, with 2 rows\n", "load", "--config", settings, spec, one)
	f(1, "has no previous generation", "rollback", "--config", settings, spec)
	f(0, "view v: generation 2 is visible, with 2 rows of the file's 3: the newest of each key\n", "load", "--config", settings, spec, two)
	f(0, "view v: 3 rows upserted\n", "load", "--upsert", "--config", settings, spec, two)
	f(0, "  f                        5\n", "get", "--config", settings, spec, "5")
	f(0, "view v: the generation before is visible\n", "rollback", "--config", settings, spec)
	f(0, "  f                        1\n", "get", "--config", settings, spec, "1")
	f(0, `"Already": true`, "load", "--json", "--config", settings, spec, one)
	f(2, "load takes SPEC and FILE", "load", spec)
	f(2, "--memory: 0 must be 1", "load", "--memory", "0", spec, one)
	f(1, "the settings name no feature_stores", "load", spec, one)
	f(1, "no feature store \"locol\" (did you mean local?)", "load", "--config", settings, file("wrong.yaml", "store: locol\nview: v\nkeys: [{name: id, type: INT64}]\ncolumns: [{name: f, type: FP32}]"), one)
	f(1, "an embedded store can be loaded", "load", "--config", settings, file("sqlite.yaml", "store: other\nview: v\nkeys: [{name: id, type: INT64}]\ncolumns: [{name: f, type: FP32}]"), one)
}

func TestProgressLine(t *testing.T) {
	f := func(at load.Progress, want string) {
		t.Helper()
		if got := progressLine(at); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(load.Progress{Stage: load.Reading, Rows: 10_000}, "reading          10000 rows")
	f(load.Progress{Stage: load.Writing, Rows: 1, Of: 100}, "writing              1 of 100 rows [#.............................]")
	f(load.Progress{Stage: load.Verifying, Rows: 50, Of: 100}, "verifying           50 of 100 rows [###############...............]")
	f(load.Progress{Stage: load.Verifying, Rows: 100, Of: 100}, "verifying          100 of 100 rows [##############################]")
}
