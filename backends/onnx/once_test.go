package onnx

import (
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// listSchema is of a model that takes one user beside many items; axis is the user's axis 0.
func listSchema(axis int64) *tensor.Schema {
	user, profile := spec("user", tensor.FP32, axis, 2), spec("profile", tensor.FP32, axis, 2)
	user.Once, profile.Once = true, true
	return &tensor.Schema{
		MaxBatch: 8, MaxRows: 8, Inputs: specs(user, spec("items", tensor.FP32, -1, 2)), Outputs: specs(spec("y", tensor.FP32, -1, 2), profile),
	}
}

// list is a request of one user, given as often as given says, and items 0, 1, 2…
func list(s *Session, user float32, given, rows int) *task.Task {
	users, items := make([]float32, 2*given), make([]float32, 2*rows)
	for i := range users {
		users[i] = user
	}
	for i := range items {
		items[i] = float32(i / 2)
	}
	return newTask(s, rows, input(dims(int64(given), 2), users), input(dims(int64(rows), 2), items))
}

func wantList(t *testing.T, a *task.Task, user float32) {
	t.Helper()
	want := make([]float32, 2*a.Rows)
	for i := range want {
		want[i] = user + float32(i/2)
	}
	wantOutput(t, a, 0, dims(int64(a.Rows), 2), want)
	wantOutput(t, a, 1, dims(1, 2), 2*user, 2*user)
}

func TestUsersShareABatch(t *testing.T) {
	s := openSchema(t, "once", listSchema(-1))
	for range 2 {
		a, b, c := list(s, 10, 1, 3), list(s, 20, 4, 4), list(s, 30, 1, 1)
		mustRun(t, s, whole(a), whole(b), whole(c))
		wantList(t, a, 10)
		wantList(t, b, 20)
		wantList(t, c, 30)
	}
	a := list(s, 10, 1, 5)
	mustRun(t, s, task.Part{Task: a, From: 3, To: 5})
	if a.Outputs[1].Shape != nil {
		t.Errorf("the second part gave %v", a.Outputs[1])
	}
	mustRun(t, s, task.Part{Task: a, From: 0, To: 3})
	wantList(t, a, 10)
}

func TestOneUserForTheBatch(t *testing.T) {
	s := openSchema(t, "once_fixed", listSchema(1))
	for range 2 {
		a, b := list(s, 10, 1, 3), list(s, 10, 4, 4)
		mustRun(t, s, whole(a), whole(b))
		wantList(t, a, 10)
		wantList(t, b, 10)
	}
	if err := s.RunRaw(0, 5); err != nil {
		t.Error(err)
	}
	err := run(t, s, whole(list(s, 10, 1, 2)), whole(list(s, 11, 1, 2)))
	if got := fault.Of(err); got == nil || got.Kind != fault.InferenceFailed || !strings.Contains(err.Error(), `"user" is one row for the whole batch`) {
		t.Errorf("two users shared a run: %v", err)
	}
}

func TestStringsGivenOnce(t *testing.T) {
	schema := func(axis int64) *tensor.Schema {
		user, same := spec("user", tensor.Bytes, axis, -1), dynamic("same", tensor.Bytes, axis, -1)
		user.Once, same.Once = true, true
		return &tensor.Schema{MaxBatch: 8, Inputs: specs(user, spec("items", tensor.FP32, -1, 2)), Outputs: specs(same, spec("y", tensor.FP32, -1, 2))}
	}
	items := func(rows int) tensor.Tensor { return input(dims(int64(rows), 2), make([]float32, 2*rows)) }
	s := openSchema(t, "once_words", schema(-1))
	a, b := newTask(s, 3, input(dims(1, 2), "a", "bc"), items(3)), newTask(s, 2, input(dims(2, 2), "d", "", "d", ""), items(2))
	mustRun(t, s, task.Part{Task: a, From: 0, To: 2}, whole(b))
	mustRun(t, s, task.Part{Task: a, From: 2, To: 3})
	wantOutput(t, a, 0, dims(1, 2), "a", "bc")
	wantOutput(t, b, 0, dims(1, 2), "d", "")
	s = openSchema(t, "once_words", schema(1))
	a, b = newTask(s, 3, input(dims(1, 2), "a", "bc"), items(3)), newTask(s, 2, input(dims(2, 2), "a", "bc", "a", "bc"), items(2))
	mustRun(t, s, whole(a), whole(b))
	wantOutput(t, a, 0, dims(1, 2), "a", "bc")
	wantOutput(t, b, 0, dims(1, 2), "a", "bc")
	err := run(t, s, whole(newTask(s, 2, input(dims(2, 2), "a", "bc", "a", "bd"), items(2))))
	if !fault.Is(err, fault.InvalidValue) {
		t.Errorf("rows that differ stood for one: %v", err)
	}
}
