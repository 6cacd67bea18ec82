package fill

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/features/spec"
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// told is a trail as text: each column's statuses, and of each group the ages in hours.
func told(t *origin.Trail, groups int) string {
	var all []string
	for c, of := range t.Columns {
		text := of.Name
		for r := range t.Rows {
			text += " " + t.Row(r)[c].String()
		}
		all = append(all, text)
	}
	for g := range groups {
		text := "ages"
		for _, a := range t.Ages(g) {
			if a == origin.Unknown {
				text += " ?"
			} else {
				text += fmt.Sprint(" ", int(a.Hours()))
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// Each value is told of, whether it was used, why not, and how old it is. Groups are in the order of their names: s, u.
func TestTrail(t *testing.T) {
	f := func(want string, m *memory, change func(s *spec.Settings, session *tensor.Schema), inputs ...string) {
		t.Helper()
		s, session := ranker()
		s.Inputs["dense"][3].Default = spec.Default{"-2"}
		if change != nil {
			change(s, session)
		}
		r := newRig(t, s, session, m)
		if _, _, err := r.fill(strings.Join(inputs, ",")); err != nil {
			t.Errorf("%v", err)
		}
		if text := told(&r.trail, 2); text != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
	group := func(name string, change func(*spec.Group)) func(*spec.Settings, *tensor.Schema) {
		return func(s *spec.Settings, _ *tensor.Schema) {
			g := s.Groups[name]
			change(&g)
			s.Groups[name] = g
		}
	}
	users, shops, km := input("user", "INT64", "[3]", "[-1,13,14]"), input("shop", "BYTES", "[3]", `["0123456789","","c"]`), input("km", "FP32", "[1]", "[9]")
	f("u:a missing missing default; u:b missing present present; km request request request; s:c present missing present; ages ? ? ?; ages ? ? ?", &memory{}, nil, users, shops, km)
	f("u:a request missing request; u:b missing present present; km request request request; s:c present missing present; ages 2 ? 2; ages ? 2 2",
		&memory{age: 2*time.Hour + time.Minute}, nil, users, shops, km, input("u:a", "FP32", "[3]", "[1,NaN,2]"))
	one, shop := input("user", "INT64", "[1]", "[7]"), input("shop", "BYTES", "[2]", `["x","y"]`)
	old := func(g *spec.Group) { g.MaxAge = time.Hour }
	const rest = "km request request; s:c present present; "
	f("u:a stale stale; u:b stale stale; "+rest+"ages 2 2; ages 2 2", &memory{age: 2*time.Hour + time.Minute}, group("u", old), one, shop, km)
	f("u:a default default; u:b default default; "+rest+"ages 2 2; ages 2 2", &memory{age: 2*time.Hour + time.Minute},
		group("u", func(g *spec.Group) { old(g); g.OnStale = spec.OnStaleDefault }), one, shop, km)
	f("u:a default default; u:b default default; km request request; s:c default default; ages ? ?; ages ? ?", &memory{mode: "fail"}, nil, one, shop, km)
	soon := func(s *spec.Settings, _ *tensor.Schema) {
		for name := range s.Groups {
			group(name, func(g *spec.Group) { g.Budget = time.Millisecond })(s, nil)
		}
	}
	f("u:a timeout timeout; u:b timeout timeout; km request request; s:c timeout timeout; ages ? ?; ages ? ?", &memory{mode: "stall"}, soon, one, shop, km)
	// A tensor with one row for all is told of for each row, and one that came whole is not told of.
	f("u:a present present; u:b present present; "+rest+"ages ? ?; ages ? ?", &memory{}, func(_ *spec.Settings, m *tensor.Schema) {
		m.Inputs[1].Once = true
		m.Inputs = append(m.Inputs, tensor.Spec{Name: "item", Type: tensor.Int64, Shape: []int64{-1}})
	}, one, input("shop", "BYTES", "[1]", `["x"]`), km, input("item", "INT64", "[2]", "[5,6]"))
	f("u:a  ; u:b  ; km  ; s:c  ; ages ? ?; ages ? ?", &memory{}, nil, input("user", "INT64", "[2]", "[1,2]"), input("dense", "FP32", "[2,5]", "[1,2,3,4,5,6,7,8,9,10]"))
}

func TestTrailOfTheCache(t *testing.T) {
	s, session := ranker()
	for name, g := range s.Groups {
		g.Cache = spec.Cache{TTL: time.Hour}
		s.Groups[name] = g
	}
	r := newRig(t, s, session, &memory{})
	var text string
	for range 1000 { // a row reaches the cache after those who wait for it
		if _, _, err := r.fill(input("user", "INT64", "[1]", "[7]") + "," + input("shop", "BYTES", "[1]", `["x"]`) + "," + input("km", "FP32", "[1]", "[9]")); err != nil {
			t.Fatal(err)
		}
		if text = told(&r.trail, 0); text == "u:a cached; u:b cached; km request; s:c cached" {
			return
		}
	}
	t.Errorf("the last time: %s", text)
}
