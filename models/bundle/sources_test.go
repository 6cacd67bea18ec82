package bundle

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/tensor"
)

// samples has, for each key, a value for the model's file and another for a version's; empty where that
// file may not have the key.
var samples = map[string][2]string{
	"budget":     {"70ms", "80ms"},
	"max_batch":  {"16", "32"},
	"max_rows":   {"3000", "4000"},
	"batch":      {"coupled", "''"},
	"unproven":   {"single", "batch"},
	"fair_rows":  {"false", "true"},
	"once":       {"[user]", "[]"},
	"optional":   {"[scale, shift]", "[scale]"},
	"tolerance":  {"{abs: 1, rel: 2}", "{abs: 3, rel: 4}"},
	"max_length": {"{seq: 512, n: 8}", "{seq: 256}"},
	"padding":    {"{axis: seq, buckets: [16, 32], values: {x: 1}}", "{axis: seq, buckets: [8]}"},
	"devices":    {"[cuda:0, cpu]", "[cpu]"},
	"fallback":   {"never", "failure"},
	"prefer":     {"cheapest-in-budget", "order"},
	"isolation":  {"process", "none"},
	"weight":     {"2", "3"},
	"nonfinite":  {"null", "literal"},
	"labels":     {"{y: [a, b], z: [c]}", "{y: [d]}"},
	"outputs":    {"{y: {kind: ranked, shown: 5}}", "{y: {kind: tensor, tolerance: {abs: 1}}}"},
	"criteria":   {"[{output: y, figure: differs, at_most: 0.2%}, {figure: latency, within: 0.5ms, alpha: 0.01}]", "[{figure: errors, at_most: 0.001, most_units: 500}]"},
	"segments":   {"[city]", "[country, city]"},
	"features": {
		"{entities: {u: INT64}, groups: {g: {store: s, keys: [u]}}, inputs: {x: [{feature: 'g:a', default: 1}]}}",
		"{entities: {v: INT32}, groups: {h: {store: s, keys: [v]}}, inputs: {y: [{feature: 'h:b'}]}}",
	},
	"sha256":        {"", "{model.onnx: '" + strings.Repeat("ab", 32) + "'}"},
	"lineage":       {"", "{by: me}"},
	"promote":       {"manual", ""},
	"rollout":       {"{skip_shadow: true, steps: [{share: 0.1, time: 5s, units: 20}]}", ""},
	"keep_previous": {"false", ""},
	"unit":          {"user", ""},
	"shadow":        {"pipeline", ""},
}

// TestInheritance holds each key of Config, also one that is added later, to its place: what the model's
// file says holds for a version that is silent, and gives way, whole, to what the version says.
func TestInheritance(t *testing.T) {
	decode := func(s Sources) Config {
		t.Helper()
		c, err := s.Decode(testDefaults())
		if err != nil {
			t.Fatalf("%q over %q: %v", s.Version, s.Model, err)
		}
		return c
	}
	silent := decode(Sources{})
	for i := range configType.NumField() {
		name, tag := configType.Field(i).Name, configType.Field(i).Tag
		key := tag.Get("yaml")
		if key == "-" {
			continue
		}
		sample, known := samples[key]
		if !known {
			t.Errorf("%s: the test has no values of it", key)
			continue
		}
		model, version := []byte(key+": "+sample[0]+"\n"), []byte(key+": "+sample[1]+"\n")
		field := func(c Config) any { return reflect.ValueOf(c).Field(i).Interface() }
		misplaced := func(s Sources, want string) {
			t.Helper()
			if _, err := s.Decode(testDefaults()); err == nil || err.Error() != want {
				t.Errorf("%s: %v\nwant %s", key, err, want)
			}
		}
		switch tag.Get("in") {
		case inVersion:
			misplaced(Sources{Model: version}, "../model.yaml line 1: "+key+" is of one version: put it into the model.yaml of the version's own folder")
			continue
		case inModel:
			misplaced(Sources{Version: model}, "model.yaml line 1: "+key+" is of the model, not of one version: put it into ../model.yaml, beside the folders of the versions")
			if got := field(decode(Sources{Model: model})); reflect.DeepEqual(got, field(silent)) {
				t.Errorf("%s of the model's file changes nothing", key)
			}
			continue
		}
		alone, other := decode(Sources{Version: model}), decode(Sources{Version: version})
		if reflect.DeepEqual(field(alone), field(silent)) || reflect.DeepEqual(field(alone), field(other)) {
			t.Errorf("%s: the values %q of the test cannot be told apart", key, sample)
		}
		inherited := decode(Sources{Model: model})
		if want := (map[string]Origin{key: OriginModel}); !maps.Equal(inherited.Origins, want) {
			t.Errorf("%s: inherited are %q", key, inherited.Origins)
		}
		if inherited.Origins = alone.Origins; !reflect.DeepEqual(inherited, alone) {
			t.Errorf("%s of the model's file:\ngot  %+v\nwant %+v", name, inherited, alone)
		}
		if got := decode(Sources{Model: model, Version: version}); !reflect.DeepEqual(got, other) {
			t.Errorf("%s of both files:\ngot  %+v\nwant %+v", name, got, other)
		}
		if key == "nonfinite" {
			continue // null is a choice
		}
		if got := decode(Sources{Model: model, Version: []byte(key + ": null")}); !reflect.DeepEqual(got, silent) {
			t.Errorf("%s: null in the version's file leaves\n%+v\nwant %+v", name, got, silent)
		}
	}
}

// The parts of tolerance alone are inherited one by one, and merged mappings are not overlooked.
func TestInheritanceInParts(t *testing.T) {
	f := func(model, version string, abs, rel float64) {
		t.Helper()
		c, err := Sources{Model: []byte(model), Version: []byte(version)}.Decode(testDefaults())
		if err != nil || c.Tolerance.Abs != abs || c.Tolerance.Rel != rel {
			t.Errorf("%q over %q: %+v, %v", version, model, c.Tolerance, err)
		}
	}
	f("tolerance: {abs: 1, rel: 2}", "tolerance: {abs: 3}", 3, 2)
	f("tolerance: {abs: 1}", "tolerance: {rel: 3}", 1, 3)
	f("tolerance: {abs: 1}", "", 1, 1e-3)
	f("tolerance: {abs: 1}", "tolerance: null", 1e-4, 1e-3)
	f("tolerance: {abs: 1}", "<<: {tolerance: {rel: 5}}", 1, 5)
}

// TestInheritanceRefuses wants each fault to name its file.
func TestInheritanceRefuses(t *testing.T) {
	f := func(model, version, want string) {
		t.Helper()
		_, err := Sources{Model: []byte(model), Version: []byte(version)}.Decode(testDefaults())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q over %q: %v\nwant %s", version, model, err, want)
		}
	}
	f("budget: 5h", "", "../model.yaml: budget is 5h0m0s; it must be from 1ms to 1h0m0s")
	f("budget: 5h", "max_batch: 5000", "../model.yaml: budget is 5h0m0s; it must be from 1ms to 1h0m0s\nmodel.yaml: max_batch is 5000; it must be from 1 to 4096, or 0 to run requests whole")
	f("a: 1", "", "../model.yaml line 1: there is no key \"a\": ../model.yaml may have ")
	f("\nmax_batch: x", "", "../model.yaml line 2: max_batch is \"x\"; it must be a whole number")
	f("max_batch: [", "", "../model.yaml line 1: ")
	f("max_rows: 100", "max_batch: 128", "../model.yaml: max_rows is 100, below max_batch 128")
	f("devices: [cpu, cpu]", "budget: 5ms", "../model.yaml line 1: devices names cpu twice; each device holds one session of a model")
	f("devices: [cuda:0]", "budget: 5ms\ndevices: [cpu, cpu]", "model.yaml line 2: devices names cpu twice; each device holds one session of a model")
	f("padding: {axis: seq}", "", "../model.yaml: padding.buckets is empty; list the lengths to pad to, such as [16, 32, 64]")
	f("promote: newset", "", `../model.yaml: promote is "newset"; it must be newest, manual or plan (did you mean newest?)`)
	f("keep_previous: maybe", "", "../model.yaml line 1: keep_previous cannot be such a value: write out what the anchors, aliases and tags there stand for")
	f("<<: {lineage: {a: b}}", "", "../model.yaml: lineage is of one version: put it into the model.yaml of the version's own folder")
	f("", "<<: {unit: user}", "model.yaml: unit is of the model, not of one version: put it into ../model.yaml, beside the folders of the versions")
	f(strings.Repeat("#", maxConfigBytes+1), "", "../model.yaml has 1048577 bytes; the limit is 1048576")
}

// A version without a folder below the model's has one file, which is both.
func TestOneFileForBoth(t *testing.T) {
	c, err := Sources{Single: true, Version: []byte("promote: manual\nlineage: {a: b}\nunit: user")}.Decode(testDefaults())
	if err != nil || c.Promote != PromoteManual || c.Lineage["a"] != "b" || c.Unit != "user" {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestSourcesInFolders reads settings as models lie in folders. Those of the model change no digest, and they come before config.pbtxt.
func TestSourcesInFolders(t *testing.T) {
	type files map[string]string
	f := func(name string, lie files, want Config) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, text := range lie {
				writeFile(t, filepath.Join(dir, path), text)
			}
			digests := map[string]bool{}
			for _, copied := range []bool{false, true} {
				bundles, faults, err := Discover(dir)
				if err != nil || len(faults) > 0 || len(bundles) != 1 {
					t.Fatal(bundles, faults, err)
				}
				b := bundles[0]
				var copies *Copies
				if copied {
					if copies, err = OpenCopies(t.TempDir()); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := readFakes(b, copies); err != nil {
					t.Fatal(err)
				}
				got := Config{Promote: b.Config.Promote, MaxBatch: b.Config.MaxBatch, MaxRows: b.Config.MaxRows, Weight: b.Config.Weight, Origins: b.Config.Origins}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("copied %v: %+v, want %+v", copied, got, want)
				}
				digests[b.Digest] = true
				if path := filepath.Join(dir, "m/model.yaml"); b.inherits() {
					before := b.ModelPrint
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					if _, err := readFakes(b, nil); err != nil {
						t.Fatal(err)
					}
					if digests[b.Digest] = true; before == "" || b.ModelPrint != "" {
						t.Errorf("the fingerprint of the model's settings is %q, and without them %q", before, b.ModelPrint)
					}
					writeFile(t, path, lie["m/model.yaml"])
				}
				if err := copies.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if len(digests) != 1 {
				t.Errorf("the model's settings change the digest: %d", len(digests))
			}
		})
	}
	f("beside a version", files{"m/1/model.onnx": "x", "m/model.yaml": "promote: manual\nmax_batch: 8"},
		Config{Promote: PromoteManual, MaxBatch: 8, MaxRows: 1024, Origins: map[string]Origin{"max_batch": OriginModel, "promote": OriginModel}})
	f("under the version's own", files{"m/1/model.onnx": "x", "m/model.yaml": "weight: 2\nmax_batch: 8", "m/1/model.yaml": "max_batch: 4"},
		Config{MaxBatch: 4, MaxRows: 1024, Weight: 2, Origins: map[string]Origin{"weight": OriginModel, "max_batch": OriginFile}})
	f("over config.pbtxt", files{"m/1/model.onnx": "x", "m/model.yaml": "max_batch: 8", "m/config.pbtxt": "max_batch_size: 16"},
		Config{MaxBatch: 8, MaxRows: 16, Origins: map[string]Origin{"max_batch": OriginModel, "max_rows": OriginTriton}})
	f("config.pbtxt where it is silent", files{"m/1/model.onnx": "x", "m/model.yaml": "weight: 2", "m/config.pbtxt": "max_batch_size: 16"},
		Config{MaxBatch: 16, MaxRows: 16, Weight: 2, Origins: map[string]Origin{"weight": OriginModel, "max_batch": OriginTriton, "max_rows": OriginTriton}})
	f("a folder of model files", files{"m/1/model.onnx/model.onnx": "x", "m/model.yaml": "max_batch: 8"},
		Config{MaxBatch: 8, MaxRows: 1024, Origins: map[string]Origin{"max_batch": OriginModel}})
	f("without a folder for the version", files{"m/model.onnx": "x", "m/model.yaml": "promote: manual\nmax_batch: 8"},
		Config{Promote: PromoteManual, MaxBatch: 8, MaxRows: 1024, Origins: map[string]Origin{"max_batch": OriginFile, "promote": OriginFile}})
}

// A model's file that is no plain file refuses its versions, and one without versions is told of.
func TestModelConfigThatIsNoFile(t *testing.T) {
	f := func(want string, lay func(t *testing.T, dir string)) {
		t.Helper()
		for _, copied := range []bool{false, true} {
			dir := t.TempDir()
			lay(t, dir)
			bundles, faults, err := Discover(dir)
			if err != nil {
				t.Fatal(err)
			}
			var copies *Copies
			if copied {
				if copies, err = OpenCopies(t.TempDir()); err != nil {
					t.Fatal(err)
				}
			}
			if len(bundles) == 1 {
				_, err = readFakes(bundles[0], copies)
				faults = append(faults, err)
			}
			if len(faults) != 1 || faults[0] == nil || faults[0].Error() != want {
				t.Errorf("%v, want %s", faults, want)
			}
			if err := copies.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	f("cannot read ../model.yaml: it is not a regular file", func(t *testing.T, dir string) {
		writeFile(t, filepath.Join(dir, "m/1/model.onnx"), "x")
		writeFile(t, filepath.Join(dir, "m/model.yaml/model.onnx"), "x")
	})
	f("cannot read ../model.yaml: it is a symbolic link: put the file itself there", func(t *testing.T, dir string) {
		writeFile(t, filepath.Join(dir, "m/1/model.onnx"), "x")
		linkFile(t, "1/model.onnx", filepath.Join(dir, "m/model.yaml"))
	})
	f("cannot read ../model.yaml: it has 1048577 bytes; the limit is 1048576", func(t *testing.T, dir string) {
		writeFile(t, filepath.Join(dir, "m/1/model.onnx"), "x")
		writeFile(t, filepath.Join(dir, "m/model.yaml"), strings.Repeat("#", maxConfigBytes+1))
	})
	f("m has a model.yaml and no version: its model belongs to m/1/model.onnx", func(t *testing.T, dir string) {
		writeFile(t, filepath.Join(dir, "m/model.yaml"), "budget: 5ms")
	})
}

// A version is pinned without its model's settings, under which its own are valid.
func TestPinUnderTheModelsSettings(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "m/1/model.onnx"), "x")
	writeFile(t, filepath.Join(dir, "m/1/model.yaml"), "max_rows: 8\n")
	writeFile(t, filepath.Join(dir, "m/model.yaml"), "max_batch: 8\n")
	bundles, _, err := Discover(dir)
	if err != nil || len(bundles) != 1 {
		t.Fatal(bundles, err)
	}
	if _, err := bundles[0].Pin(true); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "m/model.yaml"), "max_batch: 4\n")
	if _, err := readFakes(bundles[0], nil); err != nil || bundles[0].Config.MaxBatch != 4 || len(bundles[0].Config.SHA256) != 2 {
		t.Errorf("%+v, %v", bundles[0].Config, err)
	}
}

func TestUnit(t *testing.T) {
	f := func(unit, want string) {
		t.Helper()
		spec := func(name string, kind tensor.DataType, shape ...int64) tensor.Spec {
			return tensor.Spec{Name: name, Type: kind, Shape: shape}
		}
		s := tensor.Schema{
			Inputs: []tensor.Spec{
				spec("user", tensor.Int64, -1), spec("session", tensor.Bytes, -1, 1), spec("small", tensor.Uint8, -1, 1, 1), spec("whole", tensor.Int32),
				spec("x", tensor.FP32, -1, 2), spec("pair", tensor.Int64, -1, 2), spec("free", tensor.Int64, -1, -1), spec("flag", tensor.Bool, -1),
			},
			Optional: []tensor.Spec{spec("group", tensor.Int64, -1)},
		}
		got := ""
		if err := (&Config{Unit: unit, Origins: map[string]Origin{"unit": OriginModel}}).checkUnit(&s); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s\nwant %s", unit, got, want)
		}
	}
	f("", "")
	f("user", "")
	f("session", "")
	f("small", "")
	f("whole", "")
	const must = "; it must have one whole number or text for each row, such as INT64[-1] or BYTES[-1,1]"
	f("x", `../model.yaml: unit "x" is FP32[-1,2]`+must)
	f("pair", `../model.yaml: unit "pair" is INT64[-1,2]`+must)
	f("free", `../model.yaml: unit "free" is INT64[-1,-1]`+must)
	f("flag", `../model.yaml: unit "flag" is BOOL[-1]`+must)
	f("group", `../model.yaml: unit "group" is an optional input: name one that every request has`)
	f("usr", `../model.yaml: unit "usr" is no input of the model (did you mean user?); its inputs are user, session, small, whole, x, pair, free, flag`)
}

// The unit is held against the schema when a version is loaded.
func TestSettleChecksTheUnit(t *testing.T) {
	g := describedGraph()
	_, _, err := g.Settle(&Config{Unit: "nobody", MaxBatch: 4}, nil)
	if err == nil || !strings.Contains(err.Error(), `unit "nobody" is no input of the model`) {
		t.Errorf("%v", err)
	}
}

// FuzzInherit reads a version's settings over its model's.
func FuzzInherit(f *testing.F) {
	text, err := os.ReadFile("testdata/model.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("promote: manual\nkeep_previous: false\nunit: user\nbudget: 5ms"), text)
	f.Add([]byte("devices: [cpu, cuda:0]\ntolerance: {abs: 1}"), []byte("devices: ~\ntolerance: {rel: 2}"))
	f.Add([]byte("<<: {sha256: {a: b}}"), []byte("nonfinite: null"))
	f.Add([]byte("padding: {axis: seq, buckets: [1, 2]}"), []byte("padding: &a {axis: *a}"))
	f.Add([]byte("keep_previous: ~"), []byte("unit: x"))
	f.Fuzz(func(t *testing.T, model, version []byte) {
		s, defaults := Sources{Model: model, Version: version}, testDefaults()
		defaults.Budget = 100 * time.Millisecond
		c, err := s.Decode(defaults)
		if err != nil {
			return
		}
		if err := c.validate(); err != nil {
			t.Errorf("accepted and invalid: %v", err)
		}
		if err := c.checkPlaces(s); err != nil {
			t.Errorf("accepted and invalid: %v", err)
		}
		alone, err := Sources{Model: model}.Decode(defaults)
		if err == nil && (alone.SHA256 != nil || alone.Lineage != nil) {
			t.Errorf("the model's file has keys of a version: %+v", alone)
		}
		if c.Origins["unit"] != OriginModel && c.Unit != "" || c.Origins["promote"] != OriginModel && c.Promote != "" {
			t.Errorf("a version's file has keys of the model: %+v", c)
		}
	})
}
