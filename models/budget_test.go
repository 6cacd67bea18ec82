package models

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sluice/models/bundle"
	"sluice/models/gates"
)

// The budget of a version is its own, else the server's, else by what a row takes.
func TestBudgetIsSettled(t *testing.T) {
	f := func(name, own string, set, row, budget time.Duration, basis bundle.BudgetBasis, text, short string) {
		t.Helper()
		w := newWorld(t)
		b := w.put(t, "m/1", fakeFile{Factor: 2, Cost: row}, bundle.ConfigFile, own+"max_batch: 1\n")
		opts := w.options()
		opts.Defaults.Budget = set
		r, err := Check(context.Background(), opts, b)
		if err != nil || r.Refusal() != nil {
			t.Fatalf("%s: %v, %+v", name, err, r)
		}
		if basis == bundle.BudgetMeasured { // how busy the machine is counts
			budget, _ = bundle.AutomaticBudget(r.Row, 10*time.Minute)
			text = budget.String() + text
		}
		if r.Budget != budget || r.BudgetBasis != basis || r.BudgetText() != text || r.Row < row || r.Row == 0 {
			t.Errorf("%s: budget %v (%s), %q, a row in %v; want %v (%s), %q", name, r.Budget, r.BudgetBasis, r.BudgetText(), r.Row, budget, basis, text)
		}
		if b := &r.Devices[0]; !b.Measured || b.Curve.At(1) != r.Row {
			t.Errorf("%s: %+v", name, b)
		}
		if !strings.HasSuffix(r.BudgetShort, short) || (short == "") != (r.BudgetShort == "") || (short == "") != (r.BudgetRemedy == "") {
			t.Errorf("%s: too short: %q; %q, want %q", name, r.BudgetShort, r.BudgetRemedy, short)
		}
	}
	const ms = time.Millisecond
	f("nothing is said", "", 0, 0, 100*ms, bundle.BudgetLeast, "100ms (the default)", "")
	f("slow, and nothing is said", "", 0, 30*ms, 0, bundle.BudgetMeasured, " (five times the measured row, rounded up)", "")
	f("the server's", "", 40*ms, 0, 40*ms, bundle.BudgetSettings, "40ms (of scheduler.budget)", "")
	f("its own", "budget: 30ms\n", 40*ms, 0, 30*ms, bundle.BudgetOwn, "30ms (of model.yaml)", "")
	f("the server's is too short", "", 5*ms, 8*ms, 5*ms, bundle.BudgetSettings, "5ms (of scheduler.budget)", " on cpu and the budget is 5ms")
	f("its own is too short", "budget: 2ms\n", 0, 4*ms, 2*ms, bundle.BudgetOwn, "2ms (of model.yaml)", " on cpu and the budget is 2ms")
}

// A model that its budget does not suffice for is named when it is loaded, and stays ready.
func TestShortBudgetIsLogged(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 2, Cost: 4 * time.Millisecond}, bundle.ConfigFile, "budget: 2ms\nmax_batch: 1\n")
	w.put(t, "quick/1", fakeFile{Factor: 2}, bundle.ConfigFile, "max_batch: 1\n")
	opts := w.options()
	opts.Log = zap.New(core)
	r := w.start(t, opts)
	if err := r.Ready(); err != nil {
		t.Error(err)
	}
	lines := logs.FilterMessage("the budget is too short for one row").All()
	if len(lines) != 1 {
		t.Fatalf("logged %v", logs.All())
	}
	fields := lines[0].ContextMap()
	row, _ := fields["row"].(time.Duration)
	enough, _ := bundle.AutomaticBudget(row, 10*time.Minute) // 100ms, unless the machine is busy
	if fields["model"] != "m" || fields["budget"] != 2*time.Millisecond || row < 4*time.Millisecond || !strings.HasPrefix(fields["remedy"].(string), "give the model budget: "+enough.String()+" in its model.yaml") {
		t.Errorf("logged %v", fields)
	}
}

// The budget is fixed when the version is loaded: a device that joins does not move it.
func TestBudgetStaysWhenADeviceJoins(t *testing.T) {
	w := newWorld(t)
	gpu := &fakeDevice{name: "cuda:0", lanes: 1}
	gpu.down.Store(true)
	w.put(t, "m/1", fakeFile{Factor: 2, Cost: 30 * time.Millisecond}, bundle.ConfigFile, "max_batch: 1\n")
	opts := w.options(gpu)
	opts.OnPlacement = func(*Version, *gates.Placement) error { return nil }
	r := w.start(t, opts)
	before := r.Index()[0].Report
	gpu.down.Store(false)
	r.Attach("cuda:0")
	if err := r.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	after := r.Index()[0].Report
	if after.Devices[0].State != gates.Placed || before.Budget < 200*time.Millisecond || after.Budget != before.Budget || after.BudgetBasis != bundle.BudgetMeasured {
		t.Errorf("budget %v (%s) before, %v (%s) with %+v", before.Budget, before.BudgetBasis, after.Budget, after.BudgetBasis, after.Devices[0])
	}
	v, err := r.Acquire("m", "")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Release()
	if v.Config.Budget != before.Budget {
		t.Errorf("the version's own budget is %v, the report's %v", v.Config.Budget, before.Budget)
	}
}
