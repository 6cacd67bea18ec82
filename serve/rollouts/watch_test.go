package rollouts

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/roles"
	"sluice/rollout"
)

func floats(all ...float64) tensor.Tensor {
	t := tensor.Tensor{Name: "y", Type: tensor.FP32, Shape: []int64{int64(len(all)), 1}}
	for _, x := range all {
		t.Data = tensor.AppendFloat(t.Data, t.Type, x)
	}
	return t
}

// watching is a runner that watches a canary, 2, beside a live version, 1.
func watching() (r *Runner, canary, live *models.Version) {
	r = New(Options{})
	canary, live = &models.Version{Name: "m", Version: "2"}, &models.Version{Name: "m", Version: "1"}
	plan := rollout.Default()
	tally := rollout.NewTally(&plan, rollout.State{Phase: rollout.Canary, Step: 1}, time.Now(), nil)
	r.watched.Store(&map[*models.Version]*watch{canary: {"m", tally, true, live}, live: {"m", tally, false, nil}})
	return r, canary, live
}

func answered(canary bool, outputs ...tensor.Tensor) *gateway.Exchange {
	return &gateway.Exchange{
		Exposure: gateway.Exposure{Known: true, Hash: 7, Share: 100, Canary: canary}, Task: &task.Task{Outputs: outputs},
		Outcome: gateway.Outcome{Total: time.Millisecond},
	}
}

func TestWhatCounts(t *testing.T) {
	r, canary, live := watching()
	f := func(what string, v *models.Version, change func(x *gateway.Exchange), want *rollout.Sample) {
		t.Helper()
		x := answered(v == canary, floats(1, 2))
		change(x)
		r.Ended(v, x)
		select {
		case s := <-r.samples:
			if want == nil {
				t.Errorf("%s: counted %+v", what, s.Sample)
			} else if got := fmt.Sprintf("%+v", s.Sample); got != fmt.Sprintf("%+v", *want) { // NaN is not equal to itself
				t.Errorf("%s: %s, want %+v", what, got, *want)
			}
		default:
			if want != nil {
				t.Errorf("%s: not counted", what)
			}
		}
	}
	f("an answer of the canary", canary, func(*gateway.Exchange) {}, &rollout.Sample{Canary: true, Unit: 7, Took: time.Millisecond, Score: 1.5})
	f("an answer of the live version", live, func(*gateway.Exchange) {}, &rollout.Sample{Unit: 7, Took: time.Millisecond, Score: 1.5})
	f("one with defaults", canary, func(x *gateway.Exchange) { x.Filling = gateway.Filled{Stored: 5, Default: 2} },
		&rollout.Sample{Canary: true, Unit: 7, Took: time.Millisecond, Score: 1.5, Values: 7, Defaults: 2})
	fallen := gateway.Fall{From: struct{ gateway.Model }{}, Filling: gateway.Filled{Stored: 1, Default: 6, Below: true}, Rung: "previous"}
	f("one that its ladder answers", canary, func(x *gateway.Exchange) { x.Fall, x.Filling.Stored = fallen, 9 },
		&rollout.Sample{Canary: true, Unit: 7, Took: time.Millisecond, Failed: true, Around: true, Values: 7, Defaults: 6, Score: math.NaN()})
	f("one that named the version", live, func(x *gateway.Exchange) { x.Exposure.Named = true }, nil)
	f("one without a unit", live, func(x *gateway.Exchange) { x.Exposure.Known = false }, nil)
	f("another version", &models.Version{}, func(*gateway.Exchange) {}, nil)
	f("the client's fault", canary, func(x *gateway.Exchange) { x.Outcome.Fault = fault.InvalidInputs }, nil)
	f("the load's fault", canary, func(x *gateway.Exchange) { x.Outcome.Fault = fault.Overloaded }, nil)
	f("no time at all", canary, func(x *gateway.Exchange) { x.Outcome.Fault = fault.BudgetTooShort }, nil)
	failed := func(around bool) *rollout.Sample {
		return &rollout.Sample{Canary: true, Unit: 7, Failed: true, Around: around, Took: time.Millisecond, Score: math.NaN()}
	}
	late := func(budget time.Duration) func(x *gateway.Exchange) {
		return func(x *gateway.Exchange) { x.Outcome.Fault, x.Outcome.Budget = fault.DeadlineExceeded, budget }
	}
	canary.Config.Budget = 50 * time.Millisecond
	f("late", canary, late(50*time.Millisecond), failed(false))
	f("late for a client that gave it less time", canary, late(time.Millisecond), failed(true))
	f("no memory", canary, func(x *gateway.Exchange) { x.Outcome.Fault = fault.NoCapacity }, failed(true))
	f("no features", canary, func(x *gateway.Exchange) { x.Outcome.Fault = fault.FeatureUnavailable }, failed(true))
	f("the model's fault", canary, func(x *gateway.Exchange) { x.Outcome.Fault = fault.InferenceFailed }, failed(false))
	r.watched.Store(nil)
	f("no plan", canary, func(*gateway.Exchange) {}, nil)
}

// Nothing is allocated for an exchange, whether there is room for it or not.
func TestEndedAllocates(t *testing.T) {
	r, canary, _ := watching()
	x := answered(true, floats(1, 2))
	if got := testing.AllocsPerRun(2*samplesWaiting, func() { r.Ended(canary, x) }); got > 0 {
		t.Errorf("%v allocations", got)
	}
	if len(r.samples) != samplesWaiting || r.lost.Load() == 0 {
		t.Errorf("%d wait, %d were lost", len(r.samples), r.lost.Load())
	}
}

func TestMeans(t *testing.T) {
	f := func(x tensor.Tensor, want float64) {
		t.Helper()
		if got := mean(&x); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%v: %v, want %v", x, got, want)
		}
	}
	f(floats(1, 2, 6), 3)
	f(floats(), math.NaN())
	f(tensor.Tensor{Type: tensor.Int8, Data: []byte{255, 3}}, 1)
	f(tensor.Tensor{Type: tensor.Bool, Data: []byte{1, 0}}, 0.5)
	f(tensor.Tensor{Type: tensor.Bytes, Data: []byte{1, 0, 0, 0, 'a'}}, math.NaN())
	if n := notFinite([]tensor.Tensor{floats(1, math.NaN()), floats(math.Inf(-1)), {Type: tensor.Int8, Data: []byte{1}}}); n != 2 {
		t.Error(n)
	}
}

// What the settings leave open is the default, and a plan's state survives the way to the roles and back.
func TestTranslations(t *testing.T) {
	p := &models.Planned{Version: &models.Version{Config: bundle.Config{Budget: 70 * time.Millisecond}}}
	want := rollout.Default()
	want.P99 = 70 * time.Millisecond
	if got := PlanOf(p); got.Check() != nil || got.P99 != want.P99 || len(got.Steps) != 5 || got.Steps[4] != want.Steps[4] || got.CoolDown != want.CoolDown {
		t.Errorf("%+v", got)
	}
	p.Config = &bundle.RolloutConfig{SkipShadow: true, Steps: []bundle.RolloutStep{{Share: 0.2, Units: 5}}, Score: 0.1, Defaults: 0.02}
	if got := PlanOf(p); !got.SkipShadow || len(got.Steps) != 1 || got.Steps[0] != (rollout.Step{Share: 0.2, Time: 10 * time.Minute, Units: 5}) || got.Score != 0.1 || got.Defaults != 0.02 {
		t.Errorf("%+v", got)
	}
	s := &roles.Plan{Ref: roles.Ref{Version: "2", Digest: "d"}, Phase: "canary", Step: 3, Since: now(), Until: now(), Again: true, Why: "why"}
	if back := planFrom(StateOf(s)); *back != *s || StateOf(nil) != nil || planFrom(nil) != nil {
		t.Errorf("%+v", back)
	}
}

// Webhooks hear of what changed models, and not of the lease.
func TestChanges(t *testing.T) {
	store, err := roles.Open(roles.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = store.Change(roles.Entry{Who: "plan", Action: "canary", Model: "m", Share: 0.1, Reason: "why"}, func(*roles.State, *roles.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	events, newest, err := Changes{store}.Since(0)
	if err != nil || newest != 2 || len(events) != 1 || events[0].Number != 2 || events[0].Who != "plan" || !strings.Contains(events[0].Reason, "why") {
		t.Errorf("%+v, %d, %v", events, newest, err)
	}
	if events, newest, err := (Changes{store}).Since(2); err != nil || newest != 2 || len(events) > 0 {
		t.Errorf("%+v, %d, %v", events, newest, err)
	}
	_, _, err = store.Change(roles.Entry{Who: "alice", Action: "shadow", Model: "m", Of: "n", Version: "2"}, func(*roles.State, *roles.Entry) error { return nil })
	if events, _, fault := (Changes{store}).Since(2); err != nil || fault != nil || len(events) != 1 || events[0].Model != "m" || events[0].Version != "n:2" {
		t.Errorf("of another model: %+v, %v, %v", events, err, fault)
	}
}
