package task

import (
	"testing"

	"sluice/internal/memory"
	"sluice/internal/tensor"
)

// A task whose outputs there is no memory for says so, and its batch's other tasks have theirs.
func TestOutputsBudget(t *testing.T) {
	budget := memory.NewBudget(20_000)
	spec := tensor.Spec{Name: "y", Type: tensor.FP32}
	data := make([]byte, 4*3000)
	tasks := []*Task{Get(), Get(), Get()}
	for _, tk := range tasks {
		tk.Rows, tk.Answers = 3, budget
		tk.Reserve(2)
	}
	small, large, third := tasks[0], tasks[1], tasks[2]
	for _, tk := range tasks {
		if err := tk.SetRows(0, &spec, []int64{1}, 0, 3, data[:12]); err != nil {
			t.Fatal(err)
		}
	}
	for _, tk := range []*Task{large, third} { // in two parts
		for _, at := range [][2]int{{0, 1}, {1, 3}} {
			if err := tk.SetRows(1, &spec, []int64{1000}, at[0], at[1], data[:4000*(at[1]-at[0])]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if small.Lacking() || large.Lacking() || !third.Lacking() {
		t.Errorf("lacking are %v, %v, %v; want the third alone", small.Lacking(), large.Lacking(), third.Lacking())
	}
	if budget.Used() < 12_000 || budget.Used() > 20_000 {
		t.Errorf("%d bytes are counted", budget.Used())
	}
	third.SetWhole(0, &spec, []int64{1}, data[:4])
	if third.Join(); !third.Lacking() {
		t.Error("what is lacking has come back")
	}
	for _, tk := range tasks {
		tk.Release()
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are lost", budget.Used())
	}
}
