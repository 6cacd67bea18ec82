package criteria

import (
	"reflect"
	"strings"
	"testing"

	"sluice/internal/agree"
	"sluice/internal/tensor"
)

func schema() *tensor.Schema {
	return &tensor.Schema{
		MaxBatch: 8, MaxRows: 8,
		Inputs: []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 4}}, {Name: "city", Type: tensor.Bytes, Shape: []int64{-1}}},
		Outputs: []tensor.Spec{
			{Name: "score", Type: tensor.FP32, Shape: []int64{-1}},
			{Name: "label", Type: tensor.Int64, Shape: []int64{-1}},
			{Name: "approve", Type: tensor.FP32, Shape: []int64{-1, 1}, Labels: []string{"yes"}},
		},
	}
}

// Each fault says where it is, what is wrong, and what there is.
func TestCheck(t *testing.T) {
	f := func(s Set, want string) {
		t.Helper()
		var got []string
		for _, fault := range s.Check(schema()) {
			got = append(got, fault.At+": "+fault.Err.Error())
		}
		if text := strings.Join(got, "\n"); text != want {
			t.Errorf("%s\nwant %s", text, want)
		}
	}
	of := func(list ...Criterion) Set { return Set{Criteria: list} }
	f(Set{}, "")
	f(of(Criterion{Output: "score", Figure: "differs", AtMost: At(0.002)}, Criterion{Output: "score", Figure: "bias", Within: At(1), Alpha: 0.01, MostUnits: 100},
		Criterion{Figure: "errors", AtMost: At(0.001)}, Criterion{Figure: "latency", AtMost: At(0.0005)}, Criterion{Output: "approve", Figure: "flip", AtMost: At(0.01)}), "")
	f(Set{Outputs: map[string]Output{"score": {Kind: "ranked", Shown: 5}, "approve": {Kind: "probability", Threshold: 0.8, Tolerance: &agree.Tolerance{Abs: 1}}}, Segments: []string{"city"}}, "")

	f(of(Criterion{AtMost: At(1)}), "criteria[0]: it has no figure: name what is limited, such as differs, flip, errors or latency")
	f(of(Criterion{Figure: "erors", AtMost: At(1)}), `criteria[0]: "erors" is a figure of an output: name the output; errors, latency and defaults alone need none (did you mean errors?)`)
	f(of(Criterion{Figure: "defaults", AtMost: At(0.01)}), "")
	f(of(Criterion{Figure: "defaults", Within: At(0.01)}), "criteria[0]: defaults is a share, from 0 to 1: it has at_most, not within")
	f(of(Criterion{Output: "score", Figure: "defaults", AtMost: At(0.1)}), `criteria[0]: defaults is of the whole answer: leave the output "score" out`)
	f(of(Criterion{Output: "score", Figure: "errors", AtMost: At(1)}), `criteria[0]: errors is of the whole answer: leave the output "score" out`)
	f(of(Criterion{Output: "scor", Figure: "differs", AtMost: At(.1)}), `criteria[0]: the model has no output "scor"; it has score, label, approve (did you mean score?)`)
	f(of(Criterion{Output: "label", Figure: "bias", Within: At(.1)}), `criteria[0]: "bias" is no figure of class outputs; there are differs, mismatch`)
	f(of(Criterion{Output: "score", Figure: "max_abs", AtMost: At(.1)}), `criteria[0]: max_abs is the largest of all units, which only grows and shows nothing: use differs, or abs_difference`)
	f(of(Criterion{Output: "score", Figure: "differs"}), "criteria[0]: it has either at_most or within")
	f(of(Criterion{Output: "score", Figure: "differs", AtMost: At(.1), Within: At(.1)}), "criteria[0]: it has either at_most or within")
	f(of(Criterion{Output: "score", Figure: "differs", Within: At(.1)}), "criteria[0]: differs is a share, from 0 to 1: it has at_most, not within")
	f(of(Criterion{Output: "score", Figure: "differs", AtMost: At(2)}), "criteria[0]: at_most is 2; of the share differs it is from 0 to below 1")
	f(of(Criterion{Figure: "errors", AtMost: At(0)}), "criteria[0]: at_most is 0, which no number of units can show: give errors the share that does no harm, such as 0.001")
	f(of(Criterion{Output: "score", Figure: "bias", Within: At(0)}), "criteria[0]: within is 0; it is a number above 0")
	f(of(Criterion{Figure: "errors", AtMost: At(.1), Alpha: .6}), "criteria[0]: alpha is 0.6; it is above 0 and at most 0.5")
	f(of(Criterion{Figure: "errors", AtMost: At(.1), MostUnits: -1}), "criteria[0]: most_units is -1; it is from 1 to 1000000000")
	f(of(Criterion{Figure: "errors", AtMost: At(.1)}, Criterion{Figure: "errors", AtMost: At(.2)}), "criteria[1]: criteria[0] limits errors already")
	f(Set{Outputs: map[string]Output{"score": {Kind: "rank"}}}, `outputs.score: "rank" is no kind of output; the kinds are tensor, embedding, regression, probability, class, ranked`)
	f(Set{Outputs: map[string]Output{"scores": {}}}, `outputs.scores: the model has no output "scores"; it has score, label, approve`)
	f(Set{Outputs: map[string]Output{"label": {Kind: "probability"}}}, `outputs.label: cannot compare the output "label": it is INT64, and the kind probability wants FP16, BF16, FP32 or FP64: declare it as class or tensor`)
	f(Set{Segments: []string{"town", "x", "city", "city"}}, `segments[0]: the model has no input "town"; it has x, city
segments[1]: the input "x" is FP32: segments are by text, whole numbers or switches
segments[3]: "city" is there twice`)
}

// Defaults fit the model that they are for, and every kind has one.
func TestDefaults(t *testing.T) {
	for _, kind := range []string{"", "tensor", "regression", "ranked", "embedding", "class"} {
		outputs := map[string]Output{"score": {Kind: kind}}
		set := Set{Outputs: outputs, Criteria: Defaults(schema(), outputs)}
		if faults := set.Check(schema()); len(faults) > 0 || len(set.Criteria) != 6 {
			t.Errorf("%q: %d criteria, %v", kind, len(set.Criteria), faults)
		}
	}
}

func TestParseLimit(t *testing.T) {
	f := func(text string, want float64, fault string) {
		t.Helper()
		got, err := ParseLimit(text)
		if got != want || (err == nil) != (fault == "") || err != nil && err.Error() != fault {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	f("0.002", 0.002, "")
	f("1e-3", 0.001, "")
	f("0.2%", 0.002, "")
	f("0.2 %", 0.002, "")
	f("500us", 0.0005, "")
	f("1.5s", 1.5, "")
	f("much", 0, `the limit "much" is no number, no percentage such as 0.2% and no time such as 0.5ms`)
}

// What a model says of comparisons comes to those who ask from outside, labels included.
func TestNote(t *testing.T) {
	want := Set{Outputs: map[string]Output{"score": {Kind: "ranked", Tolerance: &agree.Tolerance{Abs: 1, Rel: 2}}}, Criteria: []Criterion{{Figure: "errors", AtMost: At(0.001)}}, Segments: []string{"city"}}
	text := want.Encode(schema())
	bare := schema()
	bare.Outputs[2].Labels = nil
	got, err := Decode(text, bare)
	if err != nil || !reflect.DeepEqual(&want, got) || !reflect.DeepEqual(bare, schema()) {
		t.Errorf("%s\n%+v, %v", text, got, err)
	}
	none := (&Set{}).Encode(bare)
	if got, err = Decode(none, bare); err != nil || len(got.Criteria) > 0 {
		t.Errorf("%q: %v, %v", none, got, err)
	}
	for _, wrong := range []string{"{", `{"segments":["town"]}`} {
		if _, err := Decode(wrong, bare); err == nil {
			t.Errorf("took %s", wrong)
		}
	}
}

// FuzzDecode: no note brings its reader down, and what is taken fits the model.
func FuzzDecode(f *testing.F) {
	f.Add(`{"outputs":{"score":{"kind":"ranked","shown":5}},"criteria":[{"figure":"errors","at_most":0.001}],"segments":["city"],"labels":{"approve":["yes"]}}`)
	f.Add(`{"criteria":[{"output":"score","figure":"bias","within":1}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := schema()
		set, err := Decode(text, s)
		if err == nil && len(set.Check(s)) > 0 {
			t.Errorf("took %s, which has faults", text)
		}
	})
}
