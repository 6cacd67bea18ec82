package v1

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/wire"
	"sluice/internal/origin"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func TestResponseFaults(t *testing.T) {
	f := func(row bool, shapes [][]int64, data []string, want fault.Kind, text string) {
		t.Helper()
		s := &tensor.Schema{}
		tk := task.Get()
		defer tk.Release()
		tk.Reserve(2)
		for k := range 2 {
			s.Outputs = append(s.Outputs, tensor.Spec{Name: fmt.Sprint("y", k), Type: tensor.Bytes})
			if k < len(shapes) {
				tk.SetWhole(k, &s.Outputs[k], shapes[k], []byte(data[k]))
			}
		}
		r := Request{Row: row}
		out, err := r.AppendResponse([]byte("kept"), s, tk)
		if !fault.Is(err, want) || !strings.Contains(err.Error(), text) || string(out) != "kept" {
			t.Errorf("got %q and %v, want a fault %s: %s", out, err, want.Code(), text)
		}
	}
	const a = "\x01\x00\x00\x00a"
	f(true, [][]int64{{1}}, []string{a}, fault.Internal, "gave no output 'y1'")
	f(true, [][]int64{{1}, {2}}, []string{a, a + a}, fault.InvalidRequest, "output 'y1' has shape [2], an inconsistent batch size")
	f(true, [][]int64{{1}, {}}, []string{a, a}, fault.InvalidRequest, "inconsistent batch size")
	f(false, [][]int64{{1}, {2}}, []string{a, a}, fault.Internal, "malformed strings")
	f(false, [][]int64{{1}, {1}}, []string{a, "\x01\x00\x00\x00\xff"}, fault.InvalidUTF8, "not UTF-8")
}

// What is told of filled inputs stands behind the values, by row and by tensor.
func TestTold(t *testing.T) {
	s := &tensor.Schema{Outputs: []tensor.Spec{{Name: "y", Type: tensor.Uint8, Shape: []int64{-1}}}}
	tk := task.Get()
	defer tk.Release()
	tk.Reserve(1)
	tk.SetWhole(0, &s.Outputs[0], []int64{2}, []byte{3, 4})
	trail := &origin.Trail{}
	trail.Begin([]origin.Column{{Input: "x", Name: "u:a"}}, 1, 2)
	trail.Row(0)[0], trail.Row(1)[0] = origin.Cached, origin.Missing
	f := func(row bool, told wire.Told, want string) {
		t.Helper()
		r := Request{Row: row, Told: told}
		if out, err := r.AppendResponse(nil, s, tk); err != nil || string(out) != want || r.EstimateResponse(s, tk) < int64(len(out)) {
			t.Errorf("got  %s, %v, with %d bytes expected\nwant %s", out, err, r.EstimateResponse(s, tk), want)
		}
	}
	all := wire.Told{Degraded: true, Trail: trail}
	f(true, wire.Told{}, `{"predictions":[3,4]}`)
	f(true, all, `{"predictions":[3,4],"parameters":{"degraded":true,"features.x.u:a":"cached,missing"}}`)
	f(false, all, `{"outputs":[3,4],"parameters":{"degraded":true,"features.x.u:a":"cached,missing"}}`)
	r := Request{Told: all}
	if r.Reset(); r.Told != (wire.Told{}) {
		t.Error("the next request is told what this one was")
	}
}

// A tensor without elements may still be a great many lists.
func TestHollowOutputs(t *testing.T) {
	f := func(shape []int64, row bool, size int) {
		t.Helper()
		s := &tensor.Schema{
			Inputs:  []tensor.Spec{{Name: "x", Type: tensor.Uint8, Shape: []int64{-1}}},
			Outputs: []tensor.Spec{{Name: "y", Type: tensor.Uint8, Shape: []int64{-1, 3}, Dynamic: true}},
		}
		tk := task.Get()
		defer tk.Release()
		tk.Reserve(1)
		tk.SetWhole(0, &s.Outputs[0], shape, nil)
		r := Request{Row: row}
		out, err := r.AppendResponse(nil, s, tk)
		if size == 0 && (!fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "use the V2 protocol")) || size > 0 && (err != nil || len(out) != size) {
			t.Errorf("%v: got %d bytes (%v), want %d", shape, len(out), err, size)
		}
	}
	for _, row := range []bool{true, false} {
		head := len(`{"outputs":`)
		if row {
			head = len(`{"predictions":`)
		}
		f([]int64{1 << 20, 0, 7}, row, head+3<<20+2)
		f([]int64{1<<20 + 1, 0}, row, 0)
		f([]int64{1 << 40, 1 << 40, 0}, row, 0)
		f([]int64{0, 1 << 40, 1 << 40}, row, head+3)
	}
}
