package bundle

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/features/spec"
	"sluice/internal/tensor"
)

const someFeatures = `
features:
  entities: {user_id: INT64, store_id: BYTES}
  groups:
    user: {store: hot, view: profile, keys: [user_id], budget: 4ms, max_age: 2h, on_stale: default, cache: {ttl: 30s, negative: 5s}}
    pair: {store: cold, keys: {sid: store_id, uid: user_id}}
  inputs:
    dense:
      - {feature: "user:rate", default: 0.07}
      - {feature: "pair:emb", width: 2, default: [.nan, 1], stored: FP16}
      - {feature: "user:age", default: nan}
      - {request: km}
      - {feature: "user:kind", default: required}
  min_present: 0.8
  ladder: [previous, {model: ranker_small}, {model: "ranker_small:2"}, {constant: {y: 0.5}}]
`

// denseSchema is that of a model which such settings fill.
func denseSchema() *tensor.Schema {
	return &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "dense", Type: tensor.FP32, Shape: []int64{-1, 6}}},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}},
		MaxBatch: 8, MaxRows: 8,
	}
}

// The section is read as it stands, and comes back from a trial process unchanged.
func TestFeaturesAreRead(t *testing.T) {
	c, err := decodeOwn([]byte(someFeatures), testDefaults())
	if err != nil {
		t.Fatal(err)
	}
	want := &spec.Settings{
		Entities: map[string]string{"user_id": "INT64", "store_id": "BYTES"},
		Groups: map[string]spec.Group{
			"user": {
				Store: "hot", View: "profile", Keys: spec.Keys{{Join: "user_id", Entity: "user_id"}}, Budget: 4 * time.Millisecond, MaxAge: 2 * time.Hour, OnStale: "default",
				Cache: spec.Cache{TTL: 30 * time.Second, Negative: 5 * time.Second},
			},
			"pair": {Store: "cold", Keys: spec.Keys{{Join: "sid", Entity: "store_id"}, {Join: "uid", Entity: "user_id"}}},
		},
		Inputs: map[string][]spec.Column{"dense": {
			{Feature: "user:rate", Default: spec.Default{"0.07"}},
			{Feature: "pair:emb", Width: 2, Default: spec.Default{"nan", "1"}, Stored: "FP16"},
			{Feature: "user:age", Default: spec.Default{"nan"}},
			{Request: "km"},
			{Feature: "user:kind", Default: spec.Default{"required"}},
		}},
		MinPresent: 0.8,
		Ladder:     []spec.Rung{{Previous: true}, {Model: "ranker_small"}, {Model: "ranker_small:2"}, {Constant: map[string]spec.Constant{"y": {"0.5"}}}},
	}
	if !reflect.DeepEqual(c.Features, want) {
		t.Errorf("got  %+v\nwant %+v", c.Features, want)
	}
	text, err := EncodeDescription(&c, &Graph{
		Schema: tensor.Schema{
			Inputs:   []tensor.Spec{{Name: "dense", Type: tensor.FP32, Shape: []int64{-1, 6}}},
			Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}},
			MaxBatch: 8, MaxRows: 8,
		},
		InputAxes: [][]string{{"", ""}}, OutputAxes: [][]string{{""}},
	})
	if err != nil {
		t.Fatal(err)
	}
	back, g, err := DecodeDescription(text)
	if err != nil || !reflect.DeepEqual(back.Features, want) {
		t.Fatalf("a trial process says %+v, %v", back, err)
	}
	client := back.Client(&g.Schema)
	if p, err := back.Plan(&g.Schema); err != nil || p.Client.Inputs[1].Name != "store_id" || len(client.Inputs) != len(p.Client.Inputs) {
		t.Errorf("clients see %+v, %v", client, err)
	}
	back.Features.Groups["user"] = spec.Group{}
	if text, err = EncodeDescription(back, g); err != nil {
		t.Fatal(err)
	}
	if _, _, err := DecodeDescription(text); err == nil || !strings.Contains(err.Error(), "it has no store") {
		t.Errorf("what a trial process says is believed: %v", err)
	}
}

// An entity may name the unit, and what may be left out may not.
func TestUnitOfEntities(t *testing.T) {
	session := denseSchema()
	f := func(unit, want string) {
		t.Helper()
		c, err := Sources{Model: []byte(someFeatures + "unit: " + unit)}.Decode(testDefaults())
		if err != nil {
			t.Fatal(err)
		}
		if err = c.checkUnit(session); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", unit, err, want)
		}
	}
	f("user_id", "")
	f("store_id", "")
	f("dense", `unit "dense" is an optional input: name one that every request has`)
	f("km", `unit "km" is FP32[-1]; it must have one whole number or text`)
	f("user", `unit "user" is no input of the model`)
}

// A fault names the file, the line and the key, whether the file itself tells it or the model.
func TestFeatureFaults(t *testing.T) {
	session := denseSchema()
	f := func(change, to, want string) {
		t.Helper()
		text := strings.Replace(someFeatures, change, to, 1)
		if text == someFeatures && change != to {
			t.Fatalf("there is no %s", change)
		}
		c, err := Sources{Model: []byte(text)}.Decode(testDefaults())
		if err == nil {
			err = errors.Join(c.featureFaults(session), c.CheckLadder("ranker", "3"))
		}
		if got := ""; err != nil {
			if got = err.Error(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		} else if want != "" {
			t.Errorf("%q is taken; want %s", to, want)
		}
	}
	f("", "", "")
	f("store: hot, ", "", "../model.yaml line 5: features.groups.user: it has no store; name one of the gateway's setting feature_stores")
	f("      - {request: km}\n", "", "../model.yaml line 9: features.inputs.dense: it has 6 columns, and 5 are listed: list them all, in their order, with width for those of a list")
	f("    dense:", "    dens:", "../model.yaml line 9: features.inputs.dens: it is no input of the model (did you mean dense?); its inputs are dense")
	f("{request: km}", "{request: km, feature: 'user:x'}", "../model.yaml line 12: features.inputs.dense[3]: a column has either feature, as GROUP:FEATURE, or request, the name of an input of requests")
	f("keys: [user_id]", "keys: user_id", `../model.yaml line 5: features.groups.user.keys: it is "user_id"; it must be a list of entities, such as [user_id], or a mapping such as {driver_id: user_id}`)
	f("default: 0.07", "default: some", `../model.yaml line 9: features.inputs.dense[0].default: it is "some"; it must be a number, nan, a list of numbers, or required`)
	f("view: profile", "vew: profile", `../model.yaml line 5: there is no key "features.groups.user.vew" (did you mean view?): features.groups.user may have view, store, keys, budget, max_age, on_stale, cache`)
	f("min_present: 0.8", "min_present: 1.8", "../model.yaml line 3: features.min_present: it is 1.8; it must be a share from 0 to 1")
	f("{model: ranker_small}", "{mode1: ranker_small}", `../model.yaml line 15: features.ladder[1]: it is "map[mode1:ranker_small]"; it must be previous, {model: NAME}, {model: NAME:VERSION} or {constant: {OUTPUT: VALUE}}`)
	f("{model: ranker_small}", "{model: 'a b'}", `../model.yaml line 15: features.ladder[1]: the model name "a b" has " " at byte 1; letters, digits, '_', '.' and '-' are allowed`)
	f("ranker_small:2", "ranker_small:", "../model.yaml line 15: features.ladder[2]: the version name is empty")
	f("ranker_small}", "ranker}", `../model.yaml line 15: features.ladder[1]: model "ranker" is this one, which cannot answer in its own place: name previous, or another version of it as ranker:VERSION`)
	f("ranker_small:2", "ranker:3", `../model.yaml line 15: features.ladder[2]: model "ranker" is this one, which cannot answer in its own place: name previous, or another version of it as ranker:VERSION`)
	f("ranker_small:2", "ranker:2", "")
	f("y: 0.5", "z: 0.5", `../model.yaml line 15: features.ladder[3]: it has no value of the output "y": an answer has every output of the model
../model.yaml line 15: features.ladder[3]: "z" is no output of the model; its outputs are y`)
	f("user_id: INT64", "user_id: FP32", `../model.yaml line 3: features.entities.user_id: it is of type "FP32"; it must be INT64, INT32 or BYTES`)
}
