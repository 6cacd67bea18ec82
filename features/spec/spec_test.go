package spec

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// ranker is the schema of a model that ranks stores for a user, whose ids it takes, too.
func ranker() *tensor.Schema {
	return &tensor.Schema{
		Inputs: []tensor.Spec{
			{Name: "user_id", Type: tensor.Int64, Shape: []int64{-1}},
			{Name: "dense", Type: tensor.FP32, Shape: []int64{-1, 6}},
			{Name: "hour", Type: tensor.Int64, Shape: []int64{-1}},
		},
		Outputs:  []tensor.Spec{{Name: "score", Type: tensor.FP32, Shape: []int64{-1}}},
		MaxBatch: 8, MaxRows: 16,
	}
}

// settings fill dense of a user, a store and the request, and hour of the store.
func settings() *Settings {
	return &Settings{
		Entities: map[string]string{"user_id": "INT64", "store_id": "BYTES"},
		Groups: map[string]Group{
			"user":  {Store: "hot", View: "profile", Keys: Keys{{"uid", "user_id"}}, Budget: 4 * time.Millisecond, MaxAge: time.Hour, Cache: Cache{TTL: time.Minute}},
			"store": {Store: "cold", Keys: Keys{{"store_id", "store_id"}, {"user_id", "user_id"}}},
		},
		Inputs: map[string][]Column{
			"dense": {
				{Feature: "user:rate", Default: Default{"0.5"}},
				{Feature: "user:emb", Width: 2, Default: Default{"1", "nan"}},
				{Request: "distance"},
				{Feature: "store:rate"},
				{Feature: "user:rate", Default: Default{"0.5"}},
			},
			"hour": {{Feature: "store:hour", Default: Default{"9007199254740993"}}},
		},
	}
}

func TestCompile(t *testing.T) {
	s := settings()
	if faults := s.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	p, faults := s.Compile(ranker())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var client []string
	for _, in := range p.Client.Inputs {
		client = append(client, fmt.Sprint(in.Name, " ", in.Type, tensor.ShapeText(in.Shape), " ", uint8(in.Part)))
	}
	want := []string{
		"user_id INT64[-1] 1", "dense FP32[-1,6] 2", "hour INT64[-1] 2", "store_id BYTES[-1] 3",
		"user:rate FP32[-1] 4", "user:emb FP32[-1,2] 4", "distance FP32[-1] 3", "store:rate FP32[-1] 4", "store:hour INT64[-1] 4",
	}
	if !slices.Equal(client, want) || !p.Client.Fills || p.Client.MaxRows != 16 || len(p.Session.Inputs) != 3 || p.Session.Inputs[1].Part != tensor.Sent {
		t.Errorf("clients see %q,\nwant %q", client, want)
	}
	st, user := p.Groups[0], p.Groups[1]
	if st.Of.Name != "store" || st.Of.View != "store" || !slices.Equal(st.Keys, []int{3, 0}) || st.Budget != defaultBudget || st.OnStale != OnStaleUse || st.Of.Keys[0] != (store.KeyColumn{Name: "store_id", Type: store.Text}) || st.Of.RowBytes() != 12 {
		t.Errorf("the group of stores is %+v", st)
	}
	if user.Of.View != "profile" || !slices.Equal(user.Keys, []int{0}) || user.Budget != 4*time.Millisecond || user.Of.Keys[0] != (store.KeyColumn{Name: "uid", Type: store.Int64}) || len(user.Of.Columns) != 2 || user.Of.MaxAge != time.Hour {
		t.Errorf("the group of users is %+v", user)
	}
	dense, hour := &p.Inputs[0], &p.Inputs[1]
	if dense.Index != 1 || dense.Flat || dense.RowBytes != 24 || hour.Index != 2 || !hour.Flat || hour.RowBytes != 8 {
		t.Errorf("the inputs are %+v and %+v", dense, hour)
	}
	if !slices.Equal(dense.Requests, []Request{{Input: 6, To: 12, Size: 4, Of: 2}}) {
		t.Errorf("requests fill %+v", dense.Requests)
	}
	var columns []string
	for _, c := range p.Columns {
		columns = append(columns, fmt.Sprint(c.Input, " ", c.Name, " ", c.Group, c.Repeated))
	}
	if got := strings.Join(columns, "; "); got != "dense user:rate 1 false; dense user:emb 1 false; dense distance -1 false; dense store:rate 0 false; dense user:rate 1 true; hour store:hour 0 false" || dense.Stored[0].Of != 3 {
		t.Errorf("the columns are %s, and %+v is the first of the stored", got, dense.Stored[0])
	}
	if got := dense.Groups[1]; got.Group != 1 || !slices.Equal(got.Runs, []Run{{0, 0, 12}, {0, 20, 4}}) {
		t.Errorf("a user's row is copied as %+v", got)
	}
	if got := dense.Groups[0]; !slices.Equal(got.Runs, []Run{{0, 16, 4}}) || !dense.Stored[0].Required || dense.Stored[0].Given != 7 {
		t.Errorf("a store's row is copied as %+v, %+v", got, dense.Stored[0])
	}
	if v := tensor.FloatAt(tensor.FP32, dense.Template, 0); v != 0.5 {
		t.Errorf("the default is %v", v)
	}
	if v := tensor.FloatAt(tensor.FP32, dense.Template, 2); !math.IsNaN(v) {
		t.Errorf("the default is %v", v)
	}
	if n := tensor.IntAt(tensor.Int64, hour.Template); n != 9007199254740993 {
		t.Errorf("the default is %d", n)
	}
}

func TestFaults(t *testing.T) {
	f := func(want string, change func(s *Settings, schema *tensor.Schema)) {
		t.Helper()
		s, schema := settings(), ranker()
		change(s, schema)
		wantFaults(t, s, schema, want)
	}
	group := func(change func(g *Group)) func(*Settings, *tensor.Schema) {
		return func(s *Settings, _ *tensor.Schema) {
			g := s.Groups["user"]
			change(&g)
			s.Groups["user"] = g
		}
	}
	column := func(change func(c *Column)) func(*Settings, *tensor.Schema) {
		return func(s *Settings, _ *tensor.Schema) { change(&s.Inputs["dense"][0]) }
	}
	f("", func(*Settings, *tensor.Schema) {})
	f("features.inputs.dense: it has 16 columns, and 6 are listed: list them all, in their order, with width for those of a list",
		func(_ *Settings, m *tensor.Schema) { m.Inputs[1].Shape[1] = 16 })
	f("features.inputs.hour: it has the shape [-1], one number for each row, and 2 columns are listed: list one",
		func(s *Settings, _ *tensor.Schema) { s.Inputs["hour"] = append(s.Inputs["hour"], s.Inputs["hour"][0]) })
	f("features.inputs.densee: it is no input of the model (did you mean dense?); its inputs are user_id, dense, hour",
		func(s *Settings, _ *tensor.Schema) { s.Inputs["densee"] = s.Inputs["dense"]; delete(s.Inputs, "dense") })
	f("features.inputs.dense: it has the shape [-1,6,1]; what is filled has one axis of rows, and one of columns",
		func(_ *Settings, m *tensor.Schema) { m.Inputs[1].Shape = []int64{-1, 6, 1} })
	f("features.entities.user_id: it is of INT64 here and of INT32 in the model, which has it as an input: they must agree",
		func(_ *Settings, m *tensor.Schema) { m.Inputs[0].Type = tensor.Int32 })
	f("features.entities.user_id: the model has it as an input of the shape [-1,2]; an entity is one value for each row",
		func(_ *Settings, m *tensor.Schema) { m.Inputs[0].Shape = []int64{-1, 2} })
	f(`features.entities.user_id: it is of type "int64"; it must be INT64, INT32 or BYTES (did you mean INT64?)`,
		func(s *Settings, _ *tensor.Schema) { s.Entities["user_id"] = "int64" })
	f("features.entities.shop: no group has it as a key: name it in keys, or take it out", func(s *Settings, _ *tensor.Schema) { s.Entities["shop"] = "INT64" })
	f("features.min_present: it is NaN; it must be a share from 0 to 1", func(s *Settings, _ *tensor.Schema) { s.MinPresent = math.NaN() })
	f("features: it fills no input: name one in inputs, with its columns\nfeatures.groups.store: no column is of it: name one of its features in inputs as store:FEATURE, or take the group out\n"+
		"features.groups.user: no column is of it: name one of its features in inputs as user:FEATURE, or take the group out", func(s *Settings, _ *tensor.Schema) { s.Inputs = nil })
	f("features.groups.user: it has no store; name one of the gateway's setting feature_stores", group(func(g *Group) { g.Store = "" }))
	f("features.groups.user: it has no keys; name the entities that its rows are of, such as keys: [store_id]", group(func(g *Group) { g.Keys = nil }))
	f(`features.groups.user: its key "user" is no entity (did you mean user_id?); add it to entities, with its type`, group(func(g *Group) { g.Keys = Keys{{"u", "user"}} }))
	f("features.groups.user: max_age is -1s; it must be from 0 to 8784h0m0s, and 0 is the default", group(func(g *Group) { g.MaxAge = -time.Second }))
	f(`features.groups.user: on_stale is "drop"; it must be use, default or fail`, group(func(g *Group) { g.OnStale = "drop" }))
	f("features.groups.user: on_stale is fail and nothing is ever stale: set max_age", group(func(g *Group) { g.OnStale, g.MaxAge = "fail", 0 }))
	f("features.groups.user: cache.negative is 1s and nothing is cached: set cache.ttl", group(func(g *Group) { g.Cache = Cache{Negative: time.Second} }))
	f("features.inputs.dense[0]: a column has either feature, as GROUP:FEATURE, or request, the name of an input of requests", column(func(c *Column) { c.Request = "x" }))
	f(`features.inputs.dense[0]: feature "users:rate" is of the group "users", which groups does not have (did you mean user?)`, column(func(c *Column) { c.Feature = "users:rate" }))
	f("features.inputs.dense[0]: default has 2 elements and width is 1; give one number for all, or one for each", column(func(c *Column) { c.Default = Default{"1", "2"} }))
	f(`features.inputs.dense[0]: stored is "FP"; it must be a type of fixed size, such as FP16`, column(func(c *Column) { c.Stored = "FP" }))
	f(`features.inputs.dense[4]: feature "user:rate" is FP32 of width 1 here, and was FP32 of width 1, stored as FP16 before: a feature has one form in a model`, column(func(c *Column) { c.Stored = "FP16" }))
	f(`features.inputs.dense[2]: request "user_id" is an entity, whose type is another than that of a column; give the column's value a name of its own`,
		func(s *Settings, _ *tensor.Schema) { s.Inputs["dense"][2].Request = "user_id" })
	f(`features.inputs.dense[2]: "hour" is an input of the model itself: give the value another name`,
		func(s *Settings, _ *tensor.Schema) { s.Inputs["dense"][2].Request = "hour" })
	f(`features.inputs.dense[0]: feature is "rate"; it must be GROUP:FEATURE, with a name of up to 256 bytes`, column(func(c *Column) { c.Feature = "rate" }))
	f(`features.inputs.dense[0]: default 1e60: FP32 cannot hold it`, func(s *Settings, _ *tensor.Schema) { s.Inputs["dense"][0].Default = Default{"1e60"} })
	f(`features.inputs.hour[0]: default nan: NaN is no whole number that INT64 holds exactly`, func(s *Settings, _ *tensor.Schema) { s.Inputs["hour"][0].Default = Default{"nan"} })
}

func TestValues(t *testing.T) {
	f := func(v any, want ...string) {
		t.Helper()
		var d Default
		err := d.Set(v)
		if !slices.Equal([]string(d), want) || (err == nil) != (want != nil) {
			t.Errorf("%v: %q, %v", v, d, err)
		}
	}
	f(0.07, "0.07")
	f(uint64(9007199254740993), "9007199254740993")
	f(math.NaN(), "nan")
	f("NaN", "nan")
	f("required", "required")
	f([]any{1.5, "nan"}, "1.5", "nan")
	f("missing")
	f([]any{"required"})
	f(nil)
	var k Keys
	if err := k.Set(map[string]any{"b": "x", "a": "y"}); err != nil || !slices.Equal(k, Keys{{"a", "y"}, {"b", "x"}}) {
		t.Error(k, err)
	}
	if err := k.Set([]any{"x"}); err != nil || !slices.Equal(k, Keys{{"x", "x"}}) {
		t.Error(k, err)
	}
	for _, v := range []any{"x", []any{1}, map[string]any{"a": 1}} {
		if k.Set(v) == nil {
			t.Errorf("%v is taken", v)
		}
	}
}

// wantFaults wants settings to be refused with these lines, or with none.
func wantFaults(t *testing.T, s *Settings, schema *tensor.Schema, want string) {
	t.Helper()
	faults := s.Check()
	if len(faults) == 0 {
		_, faults = s.Compile(schema)
	}
	var got []string
	for _, f := range faults {
		got = append(got, f.At+": "+f.Err.Error())
	}
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
