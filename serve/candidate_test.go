package serve

import (
	"testing"
	"time"

	"sluice/config"
	"sluice/features/spec"
	"sluice/internal/tensor"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/shadow"
)

// A shadow that fills its inputs itself has the stores, waits longer for them than live requests do, and asks them less at a time. Another one
// has none.
func TestCandidateSparesStores(t *testing.T) {
	cfg := config.Default()
	at := config.DefaultFeatureStore()
	at.Name, at.Kind, at.Addresses = "hot", "redis", []string{"localhost:1"}
	cfg.FeatureStores = []config.FeatureStore{at}
	s := &Server{cfg: cfg}
	if n, m := len(s.candidateSettings(shadow.Pipeline).FeatureStores), len(s.candidateSettings(shadow.Model).FeatureStores); n != 1 || m != 0 || len(cfg.FeatureStores) != 1 {
		t.Errorf("there are %d and %d stores", n, m)
	}
	f := func(mode shadow.Mode, timeout, budget, patient, want time.Duration) {
		t.Helper()
		p := patience(&shadow.Subject{Mode: mode}, timeout)
		if got := groupOptions(&spec.GroupPlan{Budget: budget}, p).Budget; p != patient || got != want {
			t.Errorf("%q, %v, %v: patience %v, budget %v", mode, timeout, budget, p, got)
		}
	}
	const ms = time.Millisecond
	f(shadow.Pipeline, 10*time.Second, 4*ms, time.Second, time.Second)
	f(shadow.Pipeline, 10*time.Second, 3*time.Second, time.Second, 3*time.Second)
	f(shadow.Pipeline, 100*ms, 4*ms, 50*ms, 50*ms)
	f(shadow.Model, 10*time.Second, 4*ms, 0, 4*ms)
	live, spared := opening{FeatureStore: &at}, opening{FeatureStore: &at, spared: true}
	if live.redis().Connections != 0 || live.postgres().Conns != 0 || spared.redis().Connections != sparedConns || spared.postgres().Conns != sparedConns {
		t.Errorf("the connections are %+v, %+v", spared.redis(), spared.postgres())
	}
}

// What a rung of its ladder answers is no answer of a shadow.
func TestCandidateHasNoLadder(t *testing.T) {
	v := &models.Version{Features: &spec.Plan{Ladder: make([]spec.RungPlan, 2)}}
	live, candidate := &Server{}, &Server{o: Options{Patience: time.Second}}
	if n, m := len(live.newLadder(v)), len(candidate.newLadder(v)); n != 2 || m != 0 {
		t.Errorf("%d and %d rungs", n, m)
	}
}

// The order of inputs does not keep the difference from being split, and their form does.
func TestInputsThatSplit(t *testing.T) {
	spec := func(name string, width int64) tensor.Spec {
		return tensor.Spec{Name: name, Type: tensor.FP32, Shape: []int64{-1, width}}
	}
	a := &tensor.Schema{MaxBatch: 8, Inputs: []tensor.Spec{spec("x", 2), spec("y", 3)}, Outputs: []tensor.Spec{spec("o", 1)}}
	b := &tensor.Schema{MaxBatch: 8, Inputs: []tensor.Spec{spec("y", 3), spec("x", 2)}}
	if got := inputsOf(a).Difference(inputsOf(b)); got != "" {
		t.Error(got)
	}
	b.Inputs[0].Shape[1] = 4
	if got, want := inputsOf(a).Difference(inputsOf(b)), `input "y" has the shape [-1,4] instead of [-1,3]`; got != want {
		t.Error(got)
	}
}

// The default criterion has the canaries' limit, and a comparison begins anew where that changes.
func TestMostDefaults(t *testing.T) {
	f := func(c bundle.Config, want float64, settings int) {
		t.Helper()
		if got := mostDefaults(&c); got != want || len(settingsOf(&c)) != settings {
			t.Errorf("%+v: %v, %v", c, got, settingsOf(&c))
		}
	}
	plan := &bundle.RolloutConfig{Defaults: 0.02}
	f(bundle.Config{Rollout: plan}, 0, 2)
	f(bundle.Config{Shadow: bundle.ShadowPipeline}, 0, 2)
	f(bundle.Config{Shadow: bundle.ShadowPipeline, Rollout: plan}, 0.02, 3)
}
