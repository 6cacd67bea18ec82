package oip

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// reshaped is the model of mlp with 16 rows of 16 in place of 256 values, in and out.
func reshaped() *tensor.Schema {
	s := mlp()
	in := s.Inputs[0]
	in.Shape, in.Wire = []int64{-1, 16, 16}, &tensor.Wire{Shape: []int64{-1, 256}, Own: []int64{-1, 16, 16}}
	s.Inputs, s.Outputs, s.Reshaped = []tensor.Spec{in}, []tensor.Spec{in}, true
	return s
}

// TestReshape decodes shapes of the wire into those of the model, and the way back.
func TestReshape(t *testing.T) {
	s := reshaped()
	var r Request
	tk := task.Get()
	defer tk.Release()
	if err := r.Decode(s, "m", floatsBody(shortest), -1, nil, tk); err != nil {
		t.Fatal(err)
	}
	if got := tk.Inputs[0].Shape; !slices.Equal(got, []int64{1, 16, 16}) {
		t.Errorf("the model is given %v", got)
	}
	tk.Reserve(1)
	if err := tk.SetRows(0, &s.Outputs[0], []int64{16, 16}, 0, 1, tk.Inputs[0].Data); err != nil {
		t.Fatal(err)
	}
	tk.Join()
	body, _, err := r.AppendResponse(nil, s, "m", "1", tk)
	if err != nil || !bytes.Contains(body, []byte(`"shape":[1,256],`)) {
		t.Errorf("the answer is %.200s, %v", body, err)
	}
	if got := tk.Outputs[0].Shape; !slices.Equal(got, []int64{1, 16, 16}) {
		t.Errorf("the task's own output became %v", got)
	}
	classes := Request{Outputs: []OutputChoice{{Wanted: true, Classification: 2}}}
	body, _, err = classes.AppendResponse(nil, s, "m", "1", tk)
	if err != nil || !bytes.Contains(body, []byte(`"datatype":"BYTES","shape":[1,2],"data":["`)) {
		t.Errorf("the classes are %s, %v", body, err)
	}
	meta, config := NewModelMetadata("m", nil, s), NewModelConfig("m", s)
	if !slices.Equal(meta.Inputs[0].Shape, []int64{-1, 256}) || !slices.Equal(config.Output[0].Dims, []int64{256}) {
		t.Errorf("metadata has %v, the configuration %v", meta.Inputs[0].Shape, config.Output[0].Dims)
	}
	// A run that gives another shape than the settings say is the model's fault.
	if err := tk.SetRows(0, &s.Outputs[0], []int64{256}, 0, 1, tk.Inputs[0].Data); err != nil {
		t.Fatal(err)
	}
	tk.Join()
	_, _, err = r.AppendResponse(nil, s, "m", "1", tk)
	if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "output 'input' has shape [1,256], which is not the [-1,16,16]") {
		t.Errorf("another shape: %v", err)
	}
	var v v1.Request
	if _, err = v.AppendResponse(nil, s, tk); !fault.Is(err, fault.Internal) {
		t.Errorf("another shape in V1: %v", err)
	}
}
