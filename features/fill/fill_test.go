package fill

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/features/spec"
	"sluice/internal/fault"
	budget "sluice/internal/memory"
	"sluice/internal/oip/target"
	"sluice/internal/tensor"
)

func ranker() (*spec.Settings, *tensor.Schema) {
	s := &spec.Settings{
		Entities: map[string]string{"user": "INT64", "shop": "BYTES"},
		Groups: map[string]spec.Group{
			"u": {Store: "hot", Keys: spec.Keys{{Join: "user", Entity: "user"}}, Budget: time.Minute},
			"s": {Store: "hot", Keys: spec.Keys{{Join: "shop", Entity: "shop"}, {Join: "user", Entity: "user"}}, Budget: time.Minute},
		},
		Inputs: map[string][]spec.Column{"dense": {
			{Feature: "u:a", Default: spec.Default{"-1"}}, {Feature: "u:b", Width: 2, Default: spec.Default{"nan"}}, {Request: "km"}, {Feature: "s:c"},
		}},
	}
	return s, &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "user", Type: tensor.Int64, Shape: []int64{-1}}, {Name: "dense", Type: tensor.FP32, Shape: []int64{-1, 5}}},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}},
		MaxBatch: 8, MaxRows: 64,
	}
}

func TestFill(t *testing.T) {
	s, session := ranker()
	r := newRig(t, s, session, &memory{})
	f := func(want string, counts Counts, inputs ...string) {
		t.Helper()
		tk, got, err := r.fill(strings.Join(inputs, ","))
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		if text := show(tk.Inputs); text != want || got != counts || len(tk.Optional) > 0 {
			t.Errorf("got  %s, %+v\nwant %s, %+v", text, got, want, counts)
		}
		if rows := int(tk.Inputs[0].Shape[0]); tk.Rows != rows {
			t.Errorf("the task has %d rows, and its tensors %d", tk.Rows, rows)
		}
	}
	users, shops, km := input("user", "INT64", "[2]", "[1,2]"), input("shop", "BYTES", "[2]", `["x","yyy"]`), input("km", "FP32", "[2]", "[0.5,1.5]")
	one, near := input("user", "INT64", "[1]", "[7]"), input("km", "FP32", "[1]", "[9]")
	f("user[2] 1 2; dense[2,5] 1 101 102 0.5 2 2 102 103 1.5 5", Counts{Stored: 6}, users, shops, km)
	f("user[2] 1 2; dense[2,5] 1 101 102 9 2 2 102 103 9 5", Counts{Stored: 6}, near, shops, users)
	f("user[2] 7 7; dense[2,5] 7 107 108 0.5 8 7 107 108 1.5 10", Counts{Stored: 6}, one, shops, km)
	f("user[1] 7; dense[1,5] 7 107 108 9 8", Counts{Stored: 3}, one, input("shop", "BYTES", "[1]", `["x"]`), near)
	f("user[2] 7 7; dense[2,5] 7 107 108 9 8 7 107 108 9 8", Counts{Stored: 6}, one, input("shop", "BYTES", "[2]", `["x","y"]`), near)
	// Defaults: of an entity that is not there, of a value that is not, and of one that does not fit.
	many := input("shop", "BYTES", "[3]", `["0123456789","bb","c"]`)
	f("user[3] -1 13 14; dense[3,5] -1 NaN NaN 9 9 -1 113 114 9 15 -1 114 115 9 15", Counts{Stored: 5, Default: 4}, input("user", "INT64", "[3]", "[-1,13,14]"), many, near)
	// Values of the request, for one row and for all; NaN and null are none.
	f("user[2] 1 2; dense[2,5] 8 101 102 9 2 2 102 103 9 5", Counts{Stored: 5}, users, shops, near, input("u:a", "FP32", "[2]", "[8,null]"))
	f("user[2] 1 2; dense[2,5] 1 4 NaN 9 2 2 4 NaN 9 5", Counts{Stored: 4}, users, shops, near, input("u:b", "FP32", "[1,2]", "[4,NaN]"))
	f("user[3] -1 13 14; dense[3,5] 1 NaN NaN 9 3 2 113 114 9 3 -1 114 115 9 3", Counts{Stored: 2, Default: 2},
		input("user", "INT64", "[3]", "[-1,13,14]"), many, near, input("u:a", "FP32", "[3]", "[1,2,NaN]"), input("s:c", "FP32", "[1]", "[3]"))
	// The whole tensor: nothing is asked for.
	f("user[2] 1 2; dense[2,5] 1 2 3 4 5 6 7 8 9 10", Counts{}, users, input("dense", "FP32", "[2,5]", "[1,2,3,4,5,6,7,8,9,10]"))
	f("user[2] 7 7; dense[2,5] 1 2 3 4 5 6 7 8 9 10", Counts{}, one, input("dense", "FP32", "[2,5]", "[1,2,3,4,5,6,7,8,9,10]"))
}

func TestFaults(t *testing.T) {
	f := func(want fault.Kind, text string, m *memory, change func(*spec.Settings), inputs ...string) {
		t.Helper()
		s, session := ranker()
		if change != nil {
			change(s)
		}
		_, _, err := newRig(t, s, session, m).fill(strings.Join(inputs, ","))
		if !fault.Is(err, want) || err.Error() != text {
			t.Errorf("got  %v\nwant %s", err, text)
		}
	}
	group := func(name string, change func(*spec.Group)) func(*spec.Settings) {
		return func(s *spec.Settings) {
			g := s.Groups[name]
			change(&g)
			s.Groups[name] = g
		}
	}
	users, shops, km := input("user", "INT64", "[2]", "[1,-9]"), input("shop", "BYTES", "[2]", `["x","yyy"]`), input("km", "FP32", "[1]", "[0.5]")
	const missing = "feature 's:c' of row 1, for shop 'yyy', user -9, "
	const required = ", and model 'm' requires it (default: required in its model.yaml)"
	f(fault.FeatureMissing, missing+"is not in the store"+required, &memory{}, nil, users, shops, km)
	f(fault.FeatureUnavailable, "feature 's:c' of row 0, for shop 'x', user 1, could not be read"+required, &memory{mode: "fail"}, nil, users, shops, km)
	f(fault.FeatureUnavailable, "feature 's:c' of row 0, for shop 'x', user 1, did not come in time"+required, &memory{mode: "stall"},
		func(s *spec.Settings) {
			for _, name := range []string{"u", "s"} {
				group(name, func(g *spec.Group) { g.Budget = time.Millisecond })(s)
			}
		}, users, shops, km)
	f(fault.FeatureMissing, "feature 's:c' of row 0, for shop 'abcd', user 10, does not fit its column as the store has it"+required, &memory{}, nil,
		input("user", "INT64", "[1]", "[10]"), input("shop", "BYTES", "[1]", `["abcd"]`), km)
	old := &memory{age: 2 * time.Hour}
	f(fault.FeatureUnavailable, "the stored values of 'u' for user 1 are older than 1h0m0s, and model 'm' refuses those (on_stale: fail in its model.yaml)", old,
		group("u", func(g *spec.Group) { g.MaxAge, g.OnStale = time.Hour, spec.OnStaleFail }), input("user", "INT64", "[2]", "[1,2]"), shops, km)
	f(fault.FeatureUnavailable, "feature 's:c' of row 0, for shop 'x', user 1, is older than 1h0m0s"+required, old,
		group("s", func(g *spec.Group) { g.MaxAge, g.OnStale = time.Hour, spec.OnStaleDefault }), users, shops, km)
	f(fault.FeatureUnavailable, "2 of 4 stored values were found, less than the share of 0.6 that model 'm' wants (min_present in its model.yaml)", &memory{},
		func(s *spec.Settings) {
			delete(s.Entities, "shop")
			s.MinPresent, s.Groups = 0.6, map[string]spec.Group{"u": s.Groups["u"]}
			s.Inputs["dense"] = append(s.Inputs["dense"][:3:3], spec.Column{Request: "d"})
		}, users, km, input("d", "FP32", "[1]", "[1]"))
	f(fault.MissingInput, "expected 4 inputs but got 3 inputs for model 'm'. Got input(s) ['user','u:a','km'], but missing required input(s) ['shop']. Please provide all required input(s).",
		&memory{}, nil, users, km, input("u:a", "FP32", "[1]", "[1]"))
	f(fault.BatchMismatch, "input 'shop' batch size does not match other inputs for 'm': got 3, others have 2", &memory{}, nil, users, input("shop", "BYTES", "[3]", `["x","y","z"]`), km)
	f(fault.WrongShape, "unexpected shape for input 'dense' for model 'm'. Expected [-1,5], got [2,4]", &memory{}, nil, users, input("dense", "FP32", "[2,4]", "[1,2,3,4,5,6,7,8]"))
}

// What would be too large when it is filled, and what there is no memory for, is refused before anything is read.
func TestNothingIsReadInVain(t *testing.T) {
	f := func(want fault.Kind, text string, limits *target.Limits, shop string) {
		t.Helper()
		s, session := ranker()
		m := &memory{}
		r := newRig(t, s, session, m)
		r.limits = limits
		var users, shops []string
		for i := range 64 {
			users, shops = append(users, strconv.Itoa(100+i)), append(shops, strconv.Quote(shop))
		}
		tk, _, err := r.fill(input("user", "INT64", "[64]", "["+strings.Join(users, ",")+"]") + "," + input("shop", "BYTES", "[64]", "["+strings.Join(shops, ",")+"]") + "," + input("km", "FP32", "[1]", "[1]"))
		if want == fault.None && err != nil || want != fault.None && (!fault.Is(err, want) || !strings.Contains(err.Error(), text) || m.reads.Load() > 0) {
			t.Errorf("%v after %d reads, want %s", err, m.reads.Load(), text)
		}
		tk.Arena.Reset()
		if used := limits.Inputs.Used(); used != 0 {
			t.Errorf("%d bytes stay counted", used)
		}
	}
	f(fault.None, "", &target.Limits{MaxTensorBytes: 64 * 5 * 4, Inputs: budget.NewBudget(1 << 20)}, "x")
	f(fault.ShapeTooLarge, "input 'dense' has 1280 bytes, more than the limit of 1279", &target.Limits{MaxTensorBytes: 64*5*4 - 1, Inputs: budget.NewBudget(1 << 20)}, "x")
	f(fault.InvalidInputs, "row 0 of input 'shop', which names an entity, has 1025 bytes; the limit is 1024", &target.Limits{Inputs: budget.NewBudget(1 << 20)}, strings.Repeat("x", 1025))
	f(fault.NoCapacity, "together take more than 60000 bytes (limits.max_inputs_bytes)", &target.Limits{Inputs: budget.NewBudget(60_000)}, strings.Repeat("x", 1000))
}

// What a request has itself need not be fresh in the store.
func TestStaleRowsThatNobodyWants(t *testing.T) {
	s, session := ranker()
	u := s.Groups["u"]
	u.MaxAge, u.OnStale = time.Hour, spec.OnStaleFail
	s.Groups["u"] = u
	r := newRig(t, s, session, &memory{age: 2 * time.Hour})
	ids := input("user", "INT64", "[1]", "[7]") + "," + input("shop", "BYTES", "[1]", `["x"]`) + "," + input("km", "FP32", "[1]", "[9]") + "," + input("u:a", "FP32", "[1]", "[1]")
	if _, _, err := r.fill(ids); !fault.Is(err, fault.FeatureUnavailable) {
		t.Errorf("a stale row is used for a feature that is not given: %v", err)
	}
	tk, _, err := r.fill(ids + "," + input("u:b", "FP32", "[1,2]", "[2,3]"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(tk.Inputs), "user[1] 7; dense[1,5] 1 2 3 9 8"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Stale values are used and told, or give way to defaults. Those that come too late are told.
func TestDegraded(t *testing.T) {
	f := func(want string, counts Counts, m *memory, g spec.Group) {
		t.Helper()
		s, session := ranker()
		g.Store, g.Keys = "hot", s.Groups["u"].Keys
		s.Groups["u"] = g
		s.Inputs["dense"][3].Default = spec.Default{"-2"}
		if m.mode == "stall" {
			g := s.Groups["s"]
			g.Budget = time.Millisecond
			s.Groups["s"] = g
		}
		tk, got, err := newRig(t, s, session, m).fill(strings.Join([]string{
			input("user", "INT64", "[1]", "[1]"), input("shop", "BYTES", "[1]", `["x"]`), input("km", "FP32", "[1]", "[0.5]"),
		}, ","))
		if err != nil || show(tk.Inputs[1:]) != want || got != counts {
			t.Errorf("got  %s, %+v, %v\nwant %s, %+v", show(tk.Inputs[1:]), got, err, want, counts)
		}
	}
	old := &memory{age: 2 * time.Hour}
	f("dense[1,5] 1 101 102 0.5 2", Counts{Stored: 3}, old, spec.Group{Budget: time.Minute})
	f("dense[1,5] 1 101 102 0.5 2", Counts{Stored: 3}, old, spec.Group{Budget: time.Minute, MaxAge: 3 * time.Hour})
	f("dense[1,5] 1 101 102 0.5 2", Counts{Stored: 3, Stale: 2}, old, spec.Group{Budget: time.Minute, MaxAge: time.Hour})
	f("dense[1,5] -1 NaN NaN 0.5 2", Counts{Stored: 1, Default: 2, Stale: 2}, old, spec.Group{Budget: time.Minute, MaxAge: time.Hour, OnStale: spec.OnStaleDefault})
	f("dense[1,5] -1 NaN NaN 0.5 -2", Counts{Default: 3, Late: 3}, &memory{mode: "stall"}, spec.Group{Budget: time.Millisecond})
	f("dense[1,5] -1 NaN NaN 0.5 -2", Counts{Default: 3}, &memory{mode: "fail"}, spec.Group{Budget: time.Minute})
}

// A model whose requests run whole, and an input that is given once, are filled too.
func TestOtherModels(t *testing.T) {
	f := func(want string, change func(*tensor.Schema), inputs ...string) {
		t.Helper()
		s, session := ranker()
		change(session)
		tk, _, err := newRig(t, s, session, &memory{}).fill(strings.Join(inputs, ","))
		if err != nil || show(tk.Inputs[1:]) != want {
			t.Errorf("got  %s, %v\nwant %s", show(tk.Inputs[1:]), err, want)
		}
	}
	users, shops, km := input("user", "INT64", "[2]", "[1,1]"), input("shop", "BYTES", "[2]", `["x","y"]`), input("km", "FP32", "[1]", "[0.5]")
	f("dense[2,5] 1 101 102 0.5 2 1 101 102 0.5 2", func(m *tensor.Schema) { m.MaxBatch, m.MaxRows = 0, 0 }, users, shops, km)
	once := func(m *tensor.Schema) {
		m.Inputs[1].Once = true
		m.Inputs = append(m.Inputs, tensor.Spec{Name: "item", Type: tensor.Int64, Shape: []int64{-1}})
	}
	items := input("item", "INT64", "[2]", "[5,6]")
	f("dense[2,5] 1 101 102 0.5 2 1 101 102 0.5 2; item[2] 5 6", once, users, shops, km, items)
	f("dense[1,5] 7 107 108 0.5 8; item[2] 5 6", once, input("user", "INT64", "[1]", "[7]"), input("shop", "BYTES", "[1]", `["x"]`), km, items)
}
