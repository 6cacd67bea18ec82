// Package oiptest has the models, and the checks of tasks and refusals, that the tests of oip and of the
// packages beside it share. Tests alone call it.
package oiptest

import (
	"fmt"

	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Identity is a model with one free dimension that returns its input.
func Identity(kind tensor.DataType, maxBatch int) *tensor.Schema {
	shape := []int64{-1}
	if maxBatch > 0 {
		shape = []int64{-1, -1}
	}
	return &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "INPUT0", Type: kind, Shape: shape}},
		Outputs:  []tensor.Spec{{Name: "OUTPUT0", Type: kind, Shape: shape}},
		MaxBatch: maxBatch, MaxRows: maxBatch,
	}
}

// RunIdentity makes the outputs the inputs.
func RunIdentity(s *tensor.Schema, t *task.Task) {
	t.Reserve(len(t.Inputs))
	for k := range t.Inputs {
		t.SetWhole(k, &s.Outputs[k], t.Inputs[k].Shape, t.Inputs[k].Data)
	}
}

// Mixed is a model with an input of every kind of place: fixed and free dimensions,
// strings, a padded axis.
func Mixed() *tensor.Schema {
	return &tensor.Schema{
		Inputs: []tensor.Spec{
			{Name: "f", Type: tensor.FP32, Shape: []int64{-1, 2}},
			{Name: "s", Type: tensor.Bytes, Shape: []int64{-1, -1}},
			{Name: "i", Type: tensor.Int64, Shape: []int64{-1, -1}},
		},
		Outputs: []tensor.Spec{
			{Name: "f", Type: tensor.FP32, Shape: []int64{-1, 2}},
			{Name: "s", Type: tensor.Bytes, Shape: []int64{-1, -1}},
			{Name: "i", Type: tensor.Int64, Shape: []int64{-1, -1}},
		},
		MaxBatch: 4, MaxRows: 4,
		Padding: &tensor.Padding{InputAxis: []int{-1, -1, 1}, OutputAxis: []int{-1, -1, 1}, Buckets: []int{4, 8}, Values: [][]byte{nil, nil, make([]byte, 8)}},
	}
}

// Ranking is a model that scores items for one user: "user" has rank rows in a run, -1 for one
// beside each item, 1 for one alone.
func Ranking(rows int64) *tensor.Schema {
	return &tensor.Schema{
		Inputs: []tensor.Spec{
			{Name: "user", Type: tensor.Uint8, Shape: []int64{rows, 2}, Once: true},
			{Name: "items", Type: tensor.Uint8, Shape: []int64{-1, 1}},
			{Name: "tags", Type: tensor.Bytes, Shape: []int64{rows, -1}, Once: true},
		},
		Outputs:  []tensor.Spec{{Name: "score", Type: tensor.Uint8, Shape: []int64{-1, 1}}},
		MaxBatch: 4, MaxRows: 8,
	}
}

// Show is what became of a request to Ranking: its rows, and of each input the rows and the bytes.
func Show(t *task.Task) (rows int, in [3]string) {
	for i := range t.Inputs {
		in[i] = fmt.Sprintf("%d %q", t.Inputs[i].Shape[0], t.Inputs[i].Data)
	}
	return t.Rows, in
}

// Scaled is a model with optional inputs.
func Scaled(maxBatch int) *tensor.Schema {
	return &tensor.Schema{
		Inputs:  []tensor.Spec{{Name: "x", Type: tensor.Uint8, Shape: []int64{-1, 2}}},
		Outputs: []tensor.Spec{{Name: "y", Type: tensor.Uint8, Shape: []int64{-1, 2}}},
		Optional: []tensor.Spec{
			{Name: "scale", Type: tensor.Uint8, Shape: []int64{1}},
			{Name: "names", Type: tensor.Bytes, Shape: []int64{-1}},
			{Name: "half", Type: tensor.FP16, Shape: []int64{}},
		},
		MaxBatch: maxBatch, MaxRows: maxBatch,
	}
}

// ShowOptional is the optional inputs of a task: nothing, or for each its shape and bytes.
func ShowOptional(t *task.Task) (all string) {
	for i := range t.Optional {
		if in := &t.Optional[i]; in.Type == tensor.Invalid {
			all += "- "
		} else {
			all += fmt.Sprintf("%s %s %v %q ", in.Name, in.Type, in.Shape, in.Data)
		}
	}
	return all
}

// Bounded is a model of token sequences of at most four, of which a run holds sixteen tokens squared.
func Bounded() *tensor.Schema {
	free := []int64{-1, -1}
	at := []tensor.Place{{Input: 0, Dim: 1}, {Input: 1, Dim: 1}}
	return &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "tokens", Type: tensor.Int64, Shape: free}, {Name: "mask", Type: tensor.Int64, Shape: free}},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.Int64, Shape: free}},
		MaxBatch: 8, MaxRows: 100,
		Lengths: &tensor.Lengths{
			Axes: []tensor.Axis{{Name: "seq", Most: 4, At: at}}, In: [][]tensor.Place{{{Dim: 1}}, {{Dim: 1}}},
			Joint: tensor.Growth{Square: 1}, Most: 16,
		},
	}
}

// TooLong is the fault of Bounded's first input with a row of five.
const TooLong = "input 'tokens' has length 5 on axis 1, more than the limit of 4 for model 'm' (max_length: {seq: 4} in its model.yaml)"

// FuzzSchemas are the models that fuzzed requests go to.
var FuzzSchemas = []*tensor.Schema{
	Mixed(), Identity(tensor.FP32, 8), Identity(tensor.Bytes, 0), Identity(tensor.Bool, 8), Identity(tensor.FP64, 8), Identity(tensor.Uint8, 0), Identity(tensor.BF16, 8),
	echoing(Ranking(-1)), echoing(Ranking(1)), echoing(Scaled(8)), echoing(Scaled(0)),
}

// echoing is a schema whose outputs are its inputs.
func echoing(s *tensor.Schema) *tensor.Schema {
	s.Outputs = s.Inputs
	return s
}
