package spec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"sluice/internal/tensor"
)

// ladder is one with each kind of rung.
func ladder() []Rung {
	return []Rung{{Previous: true}, {Model: "small"}, {Model: "small:2"}, {Constant: map[string]Constant{"score": {"0.5"}}}}
}

// A rung is read from a word or a mapping, and a description of it comes back as it was.
func TestRungsAreRead(t *testing.T) {
	f := func(v any, want string) {
		t.Helper()
		var r Rung
		got := ""
		if err := r.Set(v); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(r.Name(), " ", r.Constant)
		}
		if got != want {
			t.Errorf("%v: got  %s\nwant %s", v, got, want)
		}
		text, err := json.Marshal(&r)
		var back Rung
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s comes back as %+v, %v", text, back, err)
		}
	}
	constant := func(v any) any { return map[string]any{"constant": map[string]any{"y": v}} }
	const must = "it must be previous, {model: NAME}, {model: NAME:VERSION} or {constant: {OUTPUT: VALUE}}"
	f("previous", "previous map[]")
	f(map[string]any{"model": "small:2"}, "model:small:2 map[]")
	f(constant(uint64(5)), "constant map[y:[5]]")
	f(constant([]any{1.5, -2, "no", true}), "constant map[y:[1.5 -2 no true]]")
	f("last", `it is "last"; `+must)
	f(nil, `it is "<nil>"; `+must)
	f(map[string]any{"model": 5}, `it is "map[model:5]"; `+must)
	f(map[string]any{"model": ""}, `it is "map[model:]"; `+must)
	f(map[string]any{"model": "a", "constant": map[string]any{}}, `it is "map[constant:map[] model:a]"; `+must)
	f(map[string]any{"modell": "a"}, `it is "map[modell:a]"; `+must)
	f(constant(map[string]any{}), `output "y": it has the value "map[]"; give a number, a text, or a list of them`)
	f(constant([]any{[]any{1}}), `output "y": it has the value "[1]"; give a number, a text, or a list of them`)
}

// A ladder is refused where the settings or the model's outputs tell that it cannot work.
func TestLadderFaults(t *testing.T) {
	f := func(want string, change func(s *Settings, schema *tensor.Schema)) {
		t.Helper()
		s, schema := settings(), ranker()
		s.MinPresent, s.Ladder = 0.5, ladder()
		change(s, schema)
		wantFaults(t, s, schema, want)
	}
	score := func(values ...string) func(*Settings, *tensor.Schema) {
		return func(s *Settings, _ *tensor.Schema) { s.Ladder[3].Constant["score"] = values }
	}
	f("", func(*Settings, *tensor.Schema) {})
	f("features.ladder: min_present is 0, and nothing is below that: set it to the share of stored values that the model's own answer takes",
		func(s *Settings, _ *tensor.Schema) { s.MinPresent = 0 })
	f("features.ladder[1]: previous is there twice: one that has refused a request is not asked again", func(s *Settings, _ *tensor.Schema) { s.Ladder[1] = s.Ladder[0] })
	f("features.ladder[2]: model:small is there twice: one that has refused a request is not asked again", func(s *Settings, _ *tensor.Schema) { s.Ladder[2] = s.Ladder[1] })
	f("features.ladder[4]: it stands behind a constant, which always answers: move it before that, or take it out",
		func(s *Settings, _ *tensor.Schema) { s.Ladder = append(s.Ladder, Rung{Model: "tiny"}) })
	f("features.ladder[1]: it must be previous, a model or a constant", func(s *Settings, _ *tensor.Schema) { s.Ladder[1].Previous = true })
	f("features.ladder: it has 9 rungs; the limit is 8", func(s *Settings, _ *tensor.Schema) {
		s.Ladder = nil
		for i := range 9 {
			s.Ladder = append(s.Ladder, Rung{Model: fmt.Sprint("m", i)})
		}
	})
	f(`features.ladder[3]: it has no value of the output "score": an answer has every output of the model
features.ladder[3]: "scor" is no output of the model (did you mean score?); its outputs are score`,
		func(s *Settings, _ *tensor.Schema) { s.Ladder[3].Constant = map[string]Constant{"scor": {"1"}} })
	f(`features.ladder[3]: output "score": it has 2 values and a row has 1: give one for all, or one for each`, score("1", "2"))
	f(`features.ladder[3]: output "score": it has 0 values and a row has 1: give one for all, or one for each`, score())
	f(`features.ladder[3]: output "score": value "high": it is no number`, score("high"))
	f(`features.ladder[3]: output "score": value "1.5": 1.5 is no whole number that INT8 holds exactly`, func(s *Settings, m *tensor.Schema) {
		m.Outputs[0].Type = tensor.Int8
		score("1.5")(s, m)
	})
	f(`features.ladder[3]: output "score": its shape is known after a run alone, so that no constant can have it`, func(_ *Settings, m *tensor.Schema) { m.Outputs[0].Dynamic = true })
	f(`features.ladder[3]: output "score": its row has the shape [-1,-1], with several free axes, so that no constant can have it`,
		func(_ *Settings, m *tensor.Schema) { m.Outputs[0].Shape = []int64{-1, -1, -1} })
	f(`features.ladder[3]: output "score": it has 1 values; a row of the shape [-1,2] has a multiple of 2`,
		func(_ *Settings, m *tensor.Schema) { m.Outputs[0].Shape = []int64{-1, -1, 2} })
	const many = `features.ladder[3]: output "score": a row has more than 65536 values, which is the limit of a constant`
	f(many, func(_ *Settings, m *tensor.Schema) { m.Outputs[0].Shape = []int64{-1, 65537} })
	f(many, func(_ *Settings, m *tensor.Schema) { m.Outputs[0].Shape = []int64{-1, 1 << 40, 1 << 40} })
	f(many, func(s *Settings, m *tensor.Schema) {
		m.Outputs[0].Shape = []int64{-1, -1}
		score(make([]string, 65537)...)(s, m)
	})
}

// The bytes of a constant are those of a row, or of the whole output of a model that has none.
func TestConstants(t *testing.T) {
	f := func(out tensor.Spec, batch int, want ConstantPlan, values ...string) {
		t.Helper()
		s, schema := settings(), ranker()
		s.MinPresent, s.Ladder = 0.5, ladder()
		out.Name = "score"
		s.Ladder[3].Constant["score"] = values
		schema.Outputs[0], schema.MaxBatch = out, batch
		plan, faults := s.Compile(schema)
		if len(faults) > 0 {
			t.Errorf("%v", faults)
			return
		}
		if got := plan.Ladder[3]; got.Name != "constant" || len(got.Constant) != 1 || !reflect.DeepEqual(got.Constant[0], want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if r := plan.Ladder[2]; r.Name != "model:small:2" || r.Model != "small" || r.Version != "2" || r.Constant != nil || !plan.Ladder[0].Previous {
			t.Errorf("the other rungs are %+v", plan.Ladder)
		}
	}
	f(tensor.Spec{Type: tensor.FP32, Shape: []int64{-1}}, 8, ConstantPlan{true, []int64{}, []byte{0, 0, 0, 0x3f}}, "0.5")
	f(tensor.Spec{Type: tensor.Uint8, Shape: []int64{-1, 3}}, 8, ConstantPlan{true, []int64{3}, []byte{7, 7, 7}}, "7")
	f(tensor.Spec{Type: tensor.Uint8, Shape: []int64{-1, 3}}, 8, ConstantPlan{true, []int64{3}, []byte{1, 2, 3}}, "1", "2", "3")
	f(tensor.Spec{Type: tensor.Uint8, Shape: []int64{-1, -1, 2}}, 8, ConstantPlan{true, []int64{2, 2}, []byte{1, 2, 3, 4}}, "1", "2", "3", "4")
	f(tensor.Spec{Type: tensor.Bytes, Shape: []int64{-1}}, 8, ConstantPlan{true, []int64{}, []byte{2, 0, 0, 0, 'n', 'o'}}, "no")
	f(tensor.Spec{Type: tensor.Bool, Shape: []int64{-1, 2}}, 8, ConstantPlan{true, []int64{2}, []byte{1, 0}}, "true", "0")
	f(tensor.Spec{Type: tensor.Uint8, Shape: []int64{1, 2}, Once: true}, 8, ConstantPlan{false, []int64{1, 2}, []byte{4, 4}}, "4")
	f(tensor.Spec{Type: tensor.Uint8, Shape: []int64{2}}, 0, ConstantPlan{false, []int64{2}, []byte{4, 5}}, "4", "5")
	f(tensor.Spec{Type: tensor.Int64, Shape: []int64{-1}}, 0, ConstantPlan{true, []int64{}, []byte{1, 0, 0, 0, 0, 0, 0x20, 0}}, "9007199254740993")
}
