package bundle

import (
	"strings"
	"testing"
	"time"
)

func TestRolloutSettings(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := Sources{Model: []byte("promote: plan\nrollout: {" + text + "}")}.Decode(testDefaults())
		if got := ""; err != nil {
			if got = err.Error(); want == "" || !strings.Contains(got, want) {
				t.Errorf("%s: %s, want %q", text, got, want)
			}
		} else if want != "" {
			t.Errorf("%s is accepted, want %q", text, want)
		}
	}
	f("", "")
	f("skip_shadow: true, steps: [{share: 0.0001}, {share: 1, time: 1ms, units: 1}], slice: 1s, p99: 10ms, score: 0.5, errors: 0.01, defaults: 0.02", "")
	f("steps: [{share: 0}]", "../model.yaml: rollout.steps[0].share is 0; it must be above 0 and at most 1, in steps of 0.0001")
	f("steps: [{share: 0.00001}]", "rollout.steps[0].share is 1e-05")
	f("steps: [{share: 0.5}, {share: 0.5}]", "rollout.steps[1].share is 0.5, and the one before it 0.5; shares must grow")
	f("steps: [{share: 0.5, time: 1us}]", "rollout.steps[0].time is 1µs; it must be from 1ms")
	f("steps: [{share: 0.5, units: -1}]", "rollout.steps[0].units is -1")
	f("patience: -1s", "rollout.patience is -1s")
	f("errors: 2", "rollout.errors is 2; it must be from 0 to 1")
	f("defaults: 1.5", "rollout.defaults is 1.5; it must be from 0 to 1")
	f("score: .nan", "rollout.score is NaN")
	f("shadow_units: -5", "rollout.shadow_units is -5")
	f("stages: []", "stages")
	if _, err := (Sources{Version: []byte("rollout: {}"), Model: []byte("unit: x")}).Decode(testDefaults()); err == nil || !strings.Contains(err.Error(), "rollout is of the model, not of one version") {
		t.Errorf("%v", err)
	}

	defaults := &RolloutConfig{ShadowUnits: 9, Steps: []RolloutStep{{0.1, time.Minute, 7}, {1, time.Minute, 7}}, Patience: time.Hour}
	given := (&RolloutConfig{Patience: time.Second, Steps: []RolloutStep{{Share: 0.5, Units: 3}}}).Filled(defaults)
	if given.ShadowUnits != 9 || given.Patience != time.Second || len(given.Steps) != 1 || given.Steps[0] != (RolloutStep{0.5, time.Minute, 3}) {
		t.Errorf("%+v", given)
	}
	if none := (*RolloutConfig)(nil).Filled(defaults); len(none.Steps) != 2 || none.Patience != time.Hour || &none.Steps[0] == &defaults.Steps[0] {
		t.Errorf("%+v", none)
	}
}
