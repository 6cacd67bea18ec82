package oip

import (
	"encoding/json"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// filling is the schema that clients see of a model whose input x is filled by id, by user, and of km.
func filling(maxBatch int) *tensor.Schema {
	return &tensor.Schema{
		Inputs: []tensor.Spec{
			{Name: "id", Type: tensor.Uint8, Shape: []int64{-1}, Part: tensor.Keyed},
			{Name: "x", Type: tensor.Uint8, Shape: []int64{-1, 2}, Part: tensor.Filled},
			{Name: "user", Type: tensor.Bytes, Shape: []int64{-1}, Part: tensor.Named},
			{Name: "km", Type: tensor.FP32, Shape: []int64{-1}, Part: tensor.Named},
			{Name: "g:a", Type: tensor.FP32, Shape: []int64{-1}, Part: tensor.Given},
		},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}},
		MaxBatch: maxBatch, MaxRows: maxBatch, Fills: true,
	}
}

const (
	id3   = `{"name":"id","datatype":"UINT8","shape":[3],"data":[1,2,3]}`
	id1   = `{"name":"id","datatype":"UINT8","shape":[1],"data":[7]}`
	user1 = `{"name":"user","datatype":"BYTES","shape":[1],"data":["u"]}`
	user3 = `{"name":"user","datatype":"BYTES","shape":[3],"data":["u","v","w"]}`
	km1   = `{"name":"km","datatype":"FP32","shape":[1],"data":[null]}`
	km3   = `{"name":"km","datatype":"FP32","shape":[3],"data":[1,2,3]}`
	given = `{"name":"g:a","datatype":"FP32","shape":[1],"data":[NaN]}`
	whole = `{"name":"x","datatype":"UINT8","shape":[3,2],"data":[1,2,3,4,5,6]}`
)

// Entities and request values have a row for each row of the request, or one for all of them, whatever their order. What is filled
// may be left out, and so may they where it is there.
func TestFills(t *testing.T) {
	f := func(rows int, present string, inputs ...string) {
		t.Helper()
		for _, maxBatch := range []int{0, 8} {
			var r Request
			tk := task.Get()
			if err := r.Decode(filling(maxBatch), "m", []byte(withInputs(inputs...)), -1, nil, tk); err != nil {
				t.Fatalf("%q: %v", inputs, err)
			}
			var got []string
			for i := range tk.Inputs {
				if in := &tk.Inputs[i]; in.Type != tensor.Invalid {
					got = append(got, in.Name+tensor.ShapeText(in.Shape))
				}
			}
			if text := strings.Join(got, " "); text != present || tk.Rows != rows {
				t.Errorf("MaxBatch %d, %q: %d rows of %s, want %d of %s", maxBatch, inputs, tk.Rows, text, rows, present)
			}
			tk.Release()
		}
	}
	f(3, "id[3] user[1] km[1]", id3, user1, km1)
	f(3, "id[3] user[1] km[1]", km1, user1, id3)
	f(3, "id[1] user[3] km[3]", id1, user3, km3)
	f(0, "id[1] user[1] km[1]", id1, user1, km1) // one, which whoever fills the inputs says
	f(3, "id[3] user[3] km[1] g:a[1]", given, id3, user3, km1)
	f(3, "id[1] x[3,2]", whole, id1)
	f(3, "id[3] x[3,2] km[1]", whole, km1, id3)
}

func TestFillsFaults(t *testing.T) {
	f := func(want fault.Kind, text string, inputs ...string) {
		t.Helper()
		for _, maxBatch := range []int{0, 8} {
			decodeFault(t, filling(maxBatch), withInputs(inputs...), -1, want, text)
		}
	}
	f(fault.MissingInput, "expected 4 inputs but got 2 inputs for model 'simple'. Got input(s) ['id','g:a'], but missing required input(s) ['user','km']", id3, given)
	f(fault.MissingInput, "missing required input(s) ['id']", whole, user1, km1)
	f(fault.BatchMismatch, "input 'user' batch size does not match other inputs for 'simple': got 3, others have 2", `{"name":"id","datatype":"UINT8","shape":[2],"data":[1,2]}`, user3, km1)
	f(fault.BatchMismatch, "input 'x' batch size does not match other inputs", `{"name":"id","datatype":"UINT8","shape":[2],"data":[1,2]}`, whole)
	f(fault.InvalidShape, "input 'user' has no rows", `{"name":"user","datatype":"BYTES","shape":[0],"data":[]}`)
	f(fault.WrongShape, "unexpected shape for input 'user'", `{"name":"user","datatype":"BYTES","shape":[1,1],"data":["u"]}`)
	f(fault.WrongShape, "unexpected shape for input 'x' for model 'simple'. Expected [-1,2], got [3,3]", `{"name":"x","datatype":"UINT8","shape":[3,3],"data":[1,2,3,4,5,6,7,8,9]}`)
	decodeFault(t, filling(0), withInputs(`{"name":"id","datatype":"UINT8","shape":[65537],"data":[]}`), -1, fault.BatchTooLarge, "input 'id' has 65537 rows; a request to model 'simple', whose inputs are filled and which runs whole, has at most 65536")
	decodeFault(t, filling(2), withInputs(user3, id1, km1), -1, fault.BatchTooLarge, "inference request batch-size must be <= 2 for 'simple', got 3")
}

// What a request may leave out stands in the configuration alone.
func TestFillsDocuments(t *testing.T) {
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got, want := text(NewModelMetadata("m", nil, filling(8)).Inputs), `[{"name":"id","datatype":"UINT8","shape":[-1]},{"name":"user","datatype":"BYTES","shape":[-1]},{"name":"km","datatype":"FP32","shape":[-1]}]`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	var got []string
	for _, in := range NewModelConfig("m", filling(8)).Input {
		if in.Optional {
			got = append(got, in.Name)
		}
	}
	if strings.Join(got, " ") != "x g:a" {
		t.Errorf("%q are optional", got)
	}
}
