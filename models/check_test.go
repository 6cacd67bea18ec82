package models

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"sluice/features/spec"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// What a check calls served is what a server of the same settings loads, and the other way round.
func TestCheckKeepsWhatAServerKeeps(t *testing.T) {
	f := func(name string, keep int, policy, want string) {
		t.Helper()
		w := newWorld(t)
		for _, label := range []string{"m/1", "m/2", "m/3", "m/4", "other/1"} {
			w.put(t, label, fakeFile{Factor: 2})
		}
		write(t, filepath.Join(w.dir, "m/5", bundle.ModelFile), "no model")
		if policy != "" {
			write(t, filepath.Join(w.dir, "m", bundle.TritonFile), "version_policy: { "+policy+" }")
		}
		opts := w.options()
		opts.KeepVersions = keep
		bundles, faults, err := Find(opts)
		if err != nil || len(faults) > 0 {
			t.Fatalf("%s: %v, %v", name, err, faults)
		}
		said, reports := "", []*gates.Report{}
		for _, b := range bundles {
			r, err := Check(context.Background(), opts, b)
			if err != nil {
				t.Fatal(err)
			}
			reports = append(reports, r)
		}
		last := len(bundles) - 1 // other/1
		NoteKept(opts, bundles[:last], reports[:last])
		NoteKept(opts, bundles[last:], reports[last:])
		for _, r := range reports {
			said += fmt.Sprintf("%s/%s %s; ", r.Name, r.Version, r.Result())
		}
		if said != want {
			t.Errorf("%s: the check says\n%s, want\n%s", name, said, want)
		}
		registry := w.start(t, opts)
		for i, b := range bundles {
			v, err := registry.Acquire(b.Name, b.Version)
			if err == nil {
				v.Release()
			}
			if served := reports[i].Refusal() == nil && reports[i].NotLoaded == ""; served != (err == nil) {
				t.Errorf("%s: %s: the check says %q, the server %v", name, b.Label(), reports[i].Result(), err)
			}
		}
	}
	const (
		spoilt = "m/5 REFUSED by files: not a valid fake file; other/1 served; "
		newer  = "passes, NOT LOADED: model_defaults.keep_versions keeps the newest "
	)
	f("the default", 0, "", "m/1 "+newer+"1; m/2 "+newer+"1; m/3 "+newer+"1; m/4 served; "+spoilt)
	f("three", 3, "", "m/1 "+newer+"3; m/2 served; m/3 served; m/4 served; "+spoilt)
	f("the model's own", 1, "latest { num_versions: 3 }", "m/1 passes, NOT LOADED: version_policy of config.pbtxt keeps the newest 3; m/2 served; m/3 served; m/4 served; "+spoilt)
	f("all", 1, "all { }", "m/1 served; m/2 served; m/3 served; m/4 served; "+spoilt)
	f("some", 1, "specific { versions: [ 2, 3, 5 ] }", "m/2 served; m/3 served; "+spoilt)
}

// A check says which rungs would answer nobody: those whose model has not passed, or does not take the requests.
func TestBrokenRungs(t *testing.T) {
	schema := func(inputs ...string) *tensor.Schema {
		s := &tensor.Schema{Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}}, MaxBatch: 8, MaxRows: 8}
		for _, name := range inputs {
			s.Inputs = append(s.Inputs, tensor.Spec{Name: name, Type: tensor.FP32, Shape: []int64{-1}})
		}
		return s
	}
	features := func(ladder ...spec.Rung) bundle.Config {
		return bundle.Config{Features: &spec.Settings{
			Entities: map[string]string{"user": "INT64"}, Groups: map[string]spec.Group{"u": {Store: "hot", Keys: spec.Keys{{Join: "user", Entity: "user"}}}},
			Inputs: map[string][]spec.Column{"a": {{Feature: "u:a"}}}, MinPresent: 0.5, Ladder: ladder,
		}}
	}
	refused := &gates.Report{Gates: []gates.Verdict{{Gate: "files", Outcome: gates.Refused}}}
	f := func(ladder []spec.Rung, want ...string) {
		t.Helper()
		bundles := []*bundle.Bundle{
			{Name: "m", Version: "1", Schema: schema("a", "b"), Config: features()},
			{Name: "m", Version: "2", Schema: schema("a", "b"), Config: features(ladder...)},
			{Name: "other", Version: "1", Schema: schema("b")},
			{Name: "other", Version: "2"},
			{Name: "whole", Version: "1", Schema: schema("a", "b")},
		}
		if got := BrokenRungs(bundles, []*gates.Report{{}, {}, {}, refused, {}}); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f([]spec.Rung{{Previous: true}, {Model: "other"}, {Model: "other:1"}, {Constant: map[string]spec.Constant{"y": {"0"}}}})
	f([]spec.Rung{{Model: "other:2"}, {Model: "otter"}, {Model: "whole"}},
		"m/2: rung model:other:2 of its ladder answers no request: no version of it was checked and passed", "m/2: rung model:otter of its ladder answers no request: no version of it was checked and passed",
		"m/2: rung model:whole of its ladder answers no request: whole/1 does not take the requests: it needs the input 'a', which requests do without")
}
