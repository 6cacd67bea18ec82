package target

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// rowsOf is a model of rows of two numbers. The tests of V2 and V1 say more of what is refused, and of keys.
func rowsOf(kind tensor.DataType) *tensor.Schema {
	spec := []tensor.Spec{{Name: "x", Type: kind, Shape: []int64{-1, 2}}}
	return &tensor.Schema{Inputs: spec, Outputs: spec, MaxBatch: 8, MaxRows: 8}
}

// An input takes no memory before its shape is known to be right, and then what the limits and the memory of
// all requests leave.
func TestRoom(t *testing.T) {
	f := func(lim Limits, rows int64, kind fault.Kind, text string) {
		t.Helper()
		tk := task.Get()
		defer tk.Release()
		d := New(rowsOf(tensor.FP64), "m", &lim, tk)
		err := d.Place(0, []int64{rows, 2})
		if err == nil && tk.Arena.Used() > 16 {
			t.Errorf("%d rows: %d bytes were taken for a shape", rows, tk.Arena.Used())
		}
		if err == nil {
			err = d.Room(d.Slot(0), int(16*rows))
		}
		if err == nil {
			err = d.Settle()
		}
		switch {
		case kind != fault.None && (!fault.Is(err, kind) || !strings.Contains(err.Error(), text)):
			t.Errorf("%d rows: %v, want %s: %s", rows, err, kind.Code(), text)
		case kind == fault.None && (err != nil || tk.Rows != int(rows) || len(tk.Inputs[0].Data) != int(16*rows)):
			t.Errorf("%d rows: %v, %d rows with %d bytes", rows, err, tk.Rows, len(tk.Inputs[0].Data))
		}
	}
	f(Limits{}, 3, fault.None, "")
	f(Limits{}, 0, fault.InvalidShape, "has no rows")
	f(Limits{}, 9, fault.BatchTooLarge, "must be <= 8")
	f(Limits{MaxTensorBytes: 47}, 3, fault.ShapeTooLarge, "48 bytes, more than the limit of 47")
	full := memory.NewBudget(1000)
	full.Take(1000)
	f(Limits{Inputs: full}, 3, fault.None, "") // the first kilobytes of a task are not counted
	tk := task.Get()
	defer tk.Release()
	d := New(rowsOf(tensor.Bytes), "m", &Limits{Inputs: full}, tk)
	if err := d.Room(&tk.Inputs[0], 1<<20); !fault.Is(err, fault.NoCapacity) || !strings.Contains(err.Error(), "more than 1000 bytes (limits.max_inputs_bytes)") {
		t.Errorf("without memory: %v", err)
	}
}

func TestFind(t *testing.T) {
	tk := task.Get()
	defer tk.Release()
	d := New(rowsOf(tensor.FP32), "m", nil, tk)
	if i, err := d.Find([]byte("x"), 5); i != 0 || err != nil {
		t.Errorf("x is input %d, %v", i, err)
	}
	if k, err := d.FindOutput([]byte("x")); k != 0 || err != nil {
		t.Errorf("x is output %d, %v", k, err)
	}
	_, in := d.Find([]byte("y"), 0)
	_, out := d.FindOutput([]byte("y"))
	for noun, err := range map[string]error{"input": in, "output": out} {
		if want := fmt.Sprintf("unexpected inference %s 'y' for model 'm'; its %ss: 'x'", noun, noun); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestOutput(t *testing.T) {
	f := func(spec tensor.Spec, shape []int64, data, want string) {
		t.Helper()
		spec.Name, spec.Type = "y", tensor.Uint8
		tk := task.Get()
		defer tk.Release()
		tk.Reserve(1)
		if shape != nil {
			tk.SetWhole(0, &spec, shape, []byte(data))
		}
		v, _, err := Output(&spec, tk, 0, nil)
		got := fmt.Sprint(v.Shape)
		if err != nil {
			got = err.Error()
			if !fault.Is(err, fault.Internal) {
				t.Errorf("%v is not the model's fault", err)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%v of %d bytes: %s, want %s", shape, len(data), got, want)
		}
		if shape != nil && !slices.Equal(tk.Outputs[0].Shape, shape) {
			t.Errorf("the task's own output became %v", tk.Outputs[0].Shape)
		}
	}
	plain := tensor.Spec{Shape: []int64{-1, 2}}
	f(plain, nil, "", "the model gave no output 'y'")
	f(plain, []int64{2, 2}, "abcd", "[2 2]")
	f(plain, []int64{4}, "abcd", "[4]") // the model's own, also in another rank
	f(plain, []int64{2, 2}, "abc", "3 bytes, which do not fill its shape [2,2]")
	wired := tensor.Spec{Shape: []int64{-1, 2}, Wire: &tensor.Wire{Shape: []int64{-1, 1, 2}, Own: []int64{-1, 2}}}
	f(wired, []int64{2, 2}, "abcd", "[2 1 2]")
	f(wired, []int64{4}, "abcd", "has shape [4], which is not the [-1,2] that is to be reshaped")
}
