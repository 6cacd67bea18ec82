package tensor

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// described is a schema of which every field is set.
func described() *Schema {
	return &Schema{
		Inputs: []Spec{
			{Name: "user", Type: Int64, Shape: []int64{-1, 4}, Once: true},
			{Name: "item", Type: FP32, Shape: []int64{-1, 16}, Wire: &Wire{Shape: []int64{-1, 4, 4}, Own: []int64{-1, 16}}, Format: "FORMAT_NCHW"},
		},
		Outputs: []Spec{
			{Name: "score", Type: FP32, Shape: []int64{-1, 2}, Labels: []string{"no", "yes"}},
			{Name: "class", Type: Int64, Shape: []int64{-1}, Dynamic: true},
		},
		Optional: []Spec{{Name: "bias", Type: FP32, Shape: []int64{1}}},
		MaxBatch: 64, MaxRows: 1024, Reshaped: true,
		Padding: &Padding{Buckets: []int{8}}, Lengths: &Lengths{Product: 5}, MaxText: 7,
	}
}

func TestDifference(t *testing.T) {
	f := func(want string, change func(s *Schema)) {
		t.Helper()
		other := described()
		change(other)
		if got := described().Difference(other); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		if back := other.Difference(described()); (back == "") != (want == "") {
			t.Errorf("%s, and the other way round %q", want, back)
		}
	}
	f("", func(*Schema) {})
	f(`input "item" is FP64 instead of FP32`, func(s *Schema) { s.Inputs[1].Type = FP64 })
	f(`input "user" has the shape [-1,5] instead of [-1,4]`, func(s *Schema) { s.Inputs[0].Shape = []int64{-1, 5} })
	f(`input "item" has the shape [-1,16] instead of [-1,4,4]`, func(s *Schema) { s.Inputs[1].Wire = nil })
	f(`input "users" is new; input "user" is gone`, func(s *Schema) { s.Inputs[0].Name = "users" })
	f(`input "user" comes for each row instead of once for all rows`, func(s *Schema) { s.Inputs[0].Once = false })
	f(`input "bias" is required instead of optional`, func(s *Schema) { s.Inputs, s.Optional = append(s.Inputs, s.Optional...), nil })
	f(`input "user" is optional instead of required`, func(s *Schema) {
		s.Inputs, s.Optional = s.Inputs[1:], append(slices.Clone(s.Inputs[:1]), s.Optional...)
	})
	f(`the order of inputs is another, from "item" in the place of "user" on`, func(s *Schema) { slices.Reverse(s.Inputs) })
	f(`the order of outputs is another, from "class" in the place of "score" on`, func(s *Schema) { slices.Reverse(s.Outputs) })
	f(`output "class" is BYTES instead of INT64; output "class" has the shape [-1,1] instead of [-1]`, func(s *Schema) {
		s.Outputs[1].Type, s.Outputs[1].Shape = Bytes, []int64{-1, 1}
	})
	f(`output "late" is new`, func(s *Schema) { s.Outputs = append(s.Outputs, Spec{Name: "late"}) })
	f(`output "score" has 3 labels instead of 2`, func(s *Schema) { s.Outputs[0].Labels = []string{"no", "yes", "both"} })
	f(`output "score" calls class 1 "maybe" instead of "yes"`, func(s *Schema) { s.Outputs[0].Labels = []string{"no", "maybe"} })
	f(`input "item" has the layout "FORMAT_NHWC" instead of "FORMAT_NCHW"`, func(s *Schema) { s.Inputs[1].Format = "FORMAT_NHWC" })
	f(`input "user" comes filled instead of with each request`, func(s *Schema) { s.Inputs[0].Part = Filled })
	f("requests run whole instead of in batches of rows", func(s *Schema) { s.MaxBatch, s.MaxRows = 0, 0 })
	// What is served for it may differ, as long as requests and answers keep their form.
	f("", func(s *Schema) { s.MaxBatch, s.MaxRows, s.Padding, s.Lengths, s.MaxText = 32, 2048, nil, nil, 0 })
	f("", func(s *Schema) { s.Inputs[1].Shape, s.Inputs[1].Wire = []int64{-1, 4, 4}, nil })
	f("", func(s *Schema) { s.Outputs[1].Dynamic = false })
	f("", func(s *Schema) { *s = *s.Indexed() })
}

// Whatever field of an input or an output changes, it shows, but for those that no client sees.
func TestDifferenceOfEveryField(t *testing.T) {
	fields := reflect.TypeFor[Spec]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		other := described()
		switch at := reflect.ValueOf(&other.Outputs[0]).Elem().Field(i); v := at.Addr().Interface().(type) {
		case *string:
			*v += "x"
		case *bool:
			*v = !*v
		case *DataType:
			*v = Bool
		case *Part:
			*v = Filled
		case *[]int64:
			*v = append(slices.Clone(*v), 9)
		case *[]string:
			*v = append(slices.Clone(*v), "x")
		case **Wire:
			*v = &Wire{Shape: []int64{-1, 1, 2}}
		default:
			t.Fatalf("Spec.%s has a type that this test does not change", name)
		}
		if got := described().Difference(other); (got == "") != (name == "Dynamic") {
			t.Errorf("another %s: %q", name, got)
		}
	}
}

// A model of thousands of inputs is told in a sentence of bounded length.
func TestDifferenceOfManyInputs(t *testing.T) {
	got := wide(0, 0).Difference(wide(5000, 0))
	if want := fmt.Sprintf("; and %d more", 5000-maxDifferences); !strings.HasSuffix(got, want) || strings.Count(got, ";") != maxDifferences {
		t.Errorf("%.100s ... %s", got, got[max(0, len(got)-40):])
	}
}
