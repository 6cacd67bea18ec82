package models

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/cost"
)

func TestAutomaticBudget(t *testing.T) {
	f := func(row, most, want time.Duration, basis BudgetBasis) {
		t.Helper()
		if got, why := automaticBudget(row, most); got != want || why != basis {
			t.Errorf("a row of %v, at most %v: %v (%s), want %v (%s)", row, most, got, why, want, basis)
		}
	}
	const ms, long = time.Millisecond, 10 * time.Minute
	f(0, long, 100*ms, BudgetLeast)
	f(50*time.Microsecond, long, 100*ms, BudgetLeast)
	f(20*ms, long, 100*ms, BudgetLeast)
	f(20*ms+1, long, 200*ms, BudgetMeasured)
	f(40*ms, long, 200*ms, BudgetMeasured)
	f(41*ms, long, 500*ms, BudgetMeasured)
	f(100*ms, long, 500*ms, BudgetMeasured)
	f(101*ms, long, time.Second, BudgetMeasured)
	f(584*ms, long, 5*time.Second, BudgetMeasured)
	f(600*ms, long, 5*time.Second, BudgetMeasured)
	f(1001*ms, long, 10*time.Second, BudgetMeasured)
	f(25*time.Second, long, 200*time.Second, BudgetMeasured)
	f(4*time.Minute, long, 10*time.Minute, BudgetMeasured)
	f(584*ms, 2*time.Second, 2*time.Second, BudgetMeasured)
	f(0, 50*ms, 50*ms, BudgetLeast)
}

// The budget of a version is its own, else the server's, else by what a row takes.
func TestBudgetIsSettled(t *testing.T) {
	f := func(name, own string, set, row, budget time.Duration, basis BudgetBasis, text, short string) {
		t.Helper()
		w := newWorld(t)
		b := w.put(t, "m/1", fakeFile{Factor: 2, Cost: row}, ConfigFile, own+"max_batch: 1\n")
		opts := w.options()
		opts.Defaults.Budget = set
		r, err := Check(context.Background(), opts, b)
		if err != nil || r.Refusal() != nil {
			t.Fatalf("%s: %v, %+v", name, err, r)
		}
		if basis == BudgetMeasured { // how busy the machine is counts
			budget, _ = automaticBudget(r.Row, 10*time.Minute)
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
	f("nothing is said", "", 0, 0, 100*ms, BudgetLeast, "100ms (the default)", "")
	f("slow, and nothing is said", "", 0, 30*ms, 0, BudgetMeasured, " (five times the measured row, rounded up)", "")
	f("the server's", "", 40*ms, 0, 40*ms, BudgetSettings, "40ms (of scheduler.budget)", "")
	f("its own", "budget: 30ms\n", 40*ms, 0, 30*ms, BudgetOwn, "30ms (of model.yaml)", "")
	f("the server's is too short", "", 5*ms, 8*ms, 5*ms, BudgetSettings, "5ms (of scheduler.budget)", " on cpu and the budget is 5ms")
	f("its own is too short", "budget: 2ms\n", 0, 4*ms, 2*ms, BudgetOwn, "2ms (of model.yaml)", " on cpu and the budget is 2ms")
}

// Where no row is known nothing was measured, and nothing is said of it.
func TestNoteBudget(t *testing.T) {
	const ms = time.Millisecond
	device := func(name string, state DeviceState, row time.Duration) DeviceReport {
		d := DeviceReport{Device: name, State: state, Measured: row > 0}
		if row > 0 {
			d.Curve = append(d.Curve, costPoint(row))
		}
		return d
	}
	f := func(name string, c Config, most, row time.Duration, short, remedy string, devices ...DeviceReport) {
		t.Helper()
		r := Report{Devices: devices}
		if r.noteBudget(&c, most); r.Row != row || r.BudgetShort != short || r.BudgetRemedy != remedy {
			t.Errorf("%s: row %v, %q, %q; want %v, %q, %q", name, r.Row, r.BudgetShort, r.BudgetRemedy, row, short, remedy)
		}
	}
	fixed := Config{Budget: 100 * ms, BudgetFrom: BudgetSettings}
	const long = 10 * time.Minute
	f("no row is known", fixed, long, 0, "", "", device("cpu", Placed, 0))
	f("in time", fixed, long, 90*ms, "", "", device("cpu", Placed, 90*ms))
	f("the fallback makes it", fixed, long, 584*ms, "", "", device("cpu", Placed, 584*ms), device("cuda:0", Placed, 4*ms))
	f("a device that is left out does not count", fixed, long, 584*ms, "one row takes 584ms on cpu and the budget is 100ms",
		"give the model budget: 5s in its model.yaml, or have clients ask for more with each request", device("cuda:0", LeftOut, 4*ms), device("cpu", Placed, 584*ms))
	f("the quickest is named", fixed, long, 900*ms, "one row takes 584ms on cpu and the budget is 100ms",
		"give the model budget: 5s in its model.yaml, or have clients ask for more with each request", device("cuda:0", Placed, 900*ms), device("cpu", Placed, 584*ms))
	f("the most is too little", Config{Budget: 500 * ms, BudgetFrom: BudgetMeasured}, 500*ms, 584*ms, "one row takes 584ms on cpu and the budget is 500ms",
		"raise limits.max_budget, now 500ms, to 5s or more", device("cpu", Placed, 584*ms))
	f("both are", fixed, 500*ms, 584*ms, "one row takes 584ms on cpu and the budget is 100ms",
		"raise limits.max_budget, now 500ms, to 5s or more, and give the model budget: 5s in its model.yaml", device("cpu", Placed, 584*ms))
}

// A model that its budget does not suffice for is named when it is loaded, and stays ready.
func TestShortBudgetIsLogged(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 2, Cost: 4 * time.Millisecond}, ConfigFile, "budget: 2ms\nmax_batch: 1\n")
	w.put(t, "quick/1", fakeFile{Factor: 2}, ConfigFile, "max_batch: 1\n")
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
	if row, _ := fields["row"].(time.Duration); fields["model"] != "m" || fields["budget"] != 2*time.Millisecond || row < 4*time.Millisecond || !strings.HasPrefix(fields["remedy"].(string), "give the model budget: 100ms in its model.yaml") {
		t.Errorf("logged %v", fields)
	}
}

// The budget is fixed when the version is loaded: a device that joins does not move it.
func TestBudgetStaysWhenADeviceJoins(t *testing.T) {
	w := newWorld(t)
	gpu := &fakeDevice{name: "cuda:0", lanes: 1}
	gpu.down.Store(true)
	w.put(t, "m/1", fakeFile{Factor: 2, Cost: 30 * time.Millisecond}, ConfigFile, "max_batch: 1\n")
	opts := w.options(gpu)
	opts.OnPlacement = func(*Version, *Placement) error { return nil }
	r := w.start(t, opts)
	before := r.Index()[0].Report
	gpu.down.Store(false)
	r.Attach("cuda:0")
	if err := r.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	after := r.Index()[0].Report
	if after.Devices[0].State != Placed || before.Budget < 200*time.Millisecond || after.Budget != before.Budget || after.BudgetBasis != BudgetMeasured {
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

func costPoint(row time.Duration) cost.Point { return cost.Point{Rows: 1, P50: row, P95: row} }
